/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (OpenSSL's libcrypto), the one hash of the stored formats. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE 32

struct sha256 {
	_Alignas(8) uint8_t state[128]; /* an OpenSSL SHA256_CTX */
};

void sha256_init(struct sha256 *h);
void sha256_update(struct sha256 *h, const void *data, size_t size);
void sha256_final(struct sha256 *h, uint8_t digest[SHA256_SIZE]);
void sha256(const void *data, size_t size, uint8_t digest[SHA256_SIZE]);

#endif
