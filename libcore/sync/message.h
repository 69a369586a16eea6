/* SPDX-License-Identifier: Apache-2.0 */
/* The messages, each one frame: a canonical DAG-CBOR array [type, field...]. The lists below are all there is to know of a
 * message: struct, encoder and bounded decoder are made from them.
 *
 *     F(uint, name, largest)   F(text, name, longest)   F(bytes, name, longest)   F(link, name, 0)
 *
 * Sizes are in bytes; text is UTF-8. Types and fields are frozen by the protocol's version. */
#ifndef SYNC_MESSAGE_H
#define SYNC_MESSAGE_H

#include "buf.h"
#include "cid.h"

#define MESSAGE_MAGIC "cel"
#define MESSAGE_HAVES_MAX 256u
#define MESSAGE_DATA_MAX (1u << 16)

/* Both ways, first of all. What stands behind the version may differ with it. */
#define FIELDS_hello(F)                                                                                            \
	F(text, magic, 3) F(uint, version, UINT32_MAX) F(uint, frame_max, UINT32_MAX) F(uint, can_unpack, 1)       \
	F(text, software, 64) F(bytes, store_id, 16) F(text, store, 4096)
#define FIELDS_error(F) F(uint, code, 255) F(text, message, 999) /* then the sender reads no more */
#define FIELDS_bye(F)
/* Closes every run of messages from one side: how many messages (this one not) since the last such end, and their SHA-256. */
#define FIELDS_end(F) F(uint, count, UINT64_MAX) F(bytes, digest, 32)
#define FIELDS_packed(F) F(bytes, frames, FRAME_MAX)

/* A prefix of names of collections; with an @ in it, a collection and a prefix of names of its tags, which the entries have then. */
#define FIELDS_list(F) F(text, prefix, CEL_NAME_MAX + 1)
#define FIELDS_entry(F)                                                                                            \
	F(text, name, CEL_NAME_MAX) F(uint, can_write, 1) F(link, tip, 0) F(bytes, schema, 1024)                   \
	F(uint, generation, INT64_MAX) F(uint, time, INT64_MAX) F(uint, records, INT64_MAX)

#define FIELDS_fetch(F) F(text, rev, 255) F(uint, is_dry_run, 1)
#define FIELDS_push(F) F(text, name, CEL_NAME_MAX) F(uint, is_dry_run, 1) F(uint, is_merging, 1) F(uint, policy, 3)
/* From the taker: binary CIDs, one behind the other. */
#define FIELDS_have(F) F(uint, is_last, 1) F(bytes, commits, MESSAGE_HAVES_MAX * CID_SIZE)
#define FIELDS_more(F)
#define FIELDS_offer(F) F(link, tip, 0) F(uint, commits, INT64_MAX) F(bytes, schema, 1024)
#define FIELDS_commit(F) F(uint, trees, 7) F(uint, records, INT64_MAX) F(bytes, block, 1u << 17)
#define FIELDS_ask(F) F(uint, kind, 255) F(uint, commit, UINT32_MAX) F(uint, what, 15) F(bytes, key, CEL_ID_MAX)
#define FIELDS_data(F) F(uint, is_last, 1) F(bytes, bytes, MESSAGE_DATA_MAX)
#define FIELDS_block(F) F(bytes, block, 1u << 20)
#define FIELDS_next(F)
#define FIELDS_done(F)
#define FIELDS_result(F) F(uint, outcome, 255) F(link, commit, 0) F(uint, conflicts, INT64_MAX)

#define MESSAGES(M)                                                                                                \
	M(HELLO, hello, 1) M(ERROR, error, 2) M(BYE, bye, 3) M(END, end, 4) M(PACKED, packed, 5)                   \
	M(LIST, list, 6) M(ENTRY, entry, 7)                                                                        \
	M(FETCH, fetch, 8) M(PUSH, push, 9) M(HAVE, have, 10) M(MORE, more, 11) M(OFFER, offer, 12)                \
	M(COMMIT, commit, 13) M(ASK, ask, 14) M(DATA, data, 15) M(BLOCK, block, 16) M(NEXT, next, 17)              \
	M(DONE, done, 18) M(RESULT, result, 19)

enum message_type {
#define M(NAME, name, number) MESSAGE_##NAME = number,
	MESSAGES(M)
#undef M
};

#define TYPE_uint uint64_t
#define TYPE_text struct slice
#define TYPE_bytes struct slice
#define TYPE_link struct cid
#define F(kind, field, max) TYPE_##kind field;
#define M(NAME, name, number)                                                                                      \
	struct message_##name {                                                                                    \
		FIELDS_##name(F) int is_present; /* a struct has a member, whatever the fields */                  \
	};
MESSAGES(M)
#undef M
#undef F

struct message {
	enum message_type type;
	union {
#define M(NAME, name, number) struct message_##name name;
		MESSAGES(M)
#undef M
	};
};

const char *message_name(enum message_type type); /* "HELLO"; "?" for a number that is none */
/* Appends the frame. CEL_EINTERNAL for a field over its bound. */
int message_put(const struct message *m, struct buf *out, struct cel_error *e);
/* CEL_EPROTOCOL unless message_put would have made it; slices point into the body. Of a HELLO of another version only what
 * stands up to the version is filled in. */
int message_decode(struct slice body, struct message *out, struct cel_error *e);

#endif
