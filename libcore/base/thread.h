/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that take no signals: who set a handler gets it on a thread of his own. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>

/* False: the system has no more. To be joined. */
bool thread_start(pthread_t *out, void *(*run)(void *), void *argument);

#endif
