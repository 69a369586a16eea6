/* SPDX-License-Identifier: Apache-2.0 */
/* What the helper programs do alike. A helper is started by the library: standard input is a file that can seek, standard
 * output takes what is inside of it as .npy, what is wrong is one line on standard error and a status of sysexits.h. A
 * program of its own, because the libraries of such formats take long to load, and because a hostile file must do no harm
 * to the process that has the store open (docs/adr/0007-helpers.md). */
#ifndef LIBEXEC_HELPER_H
#define LIBEXEC_HELPER_H

#include <stddef.h>
#include <stdint.h>
#include <sysexits.h>

void helper_init(void);
void helper_fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));
void helper_write(const void *data, size_t size);
/* The header of an array of these shapes; n_dims 1 or 2. descr such as "<f4". */
void helper_write_npy_header(const char *descr, unsigned n_dims, const uint64_t *shape);

#endif
