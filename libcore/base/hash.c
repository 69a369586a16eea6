/* SPDX-License-Identifier: Apache-2.0 */
/* The low-level SHA256_* calls, which OpenSSL 3 marks deprecated in favour of EVP, are used on purpose: an id's hash
 * takes some 55 ns with them, 80 to 120 ns with a kept EVP context and 300 ns with the plain EVP calls; they spare every
 * command the 1 to 1.5 ms in which EVP sets itself up; they allocate nothing and cannot fail. SHA256() is EVP inside.
 * docs/adr/0002-sha256-calls.md has the figures. */
#define OPENSSL_SUPPRESS_DEPRECATED 1
#include "hash.h"

#include <openssl/sha.h>

_Static_assert(sizeof(SHA256_CTX) <= sizeof(struct sha256), "struct sha256 must hold a SHA256_CTX");

void sha256_init(struct sha256 *h)
{
	SHA256_Init((SHA256_CTX *)(void *)h->state);
}

void sha256_update(struct sha256 *h, const void *data, size_t size)
{
	SHA256_Update((SHA256_CTX *)(void *)h->state, data, size);
}

void sha256_final(struct sha256 *h, uint8_t digest[SHA256_SIZE])
{
	SHA256_Final(digest, (SHA256_CTX *)(void *)h->state);
}

void sha256(const void *data, size_t size, uint8_t digest[SHA256_SIZE])
{
	SHA256_CTX context;
	SHA256_Init(&context);
	SHA256_Update(&context, data, size);
	SHA256_Final(digest, &context);
}
