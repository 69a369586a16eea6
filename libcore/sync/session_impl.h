/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of a session share.
 *
 *     session.c        bytes in and out, greeting, failure, runs of messages with their ends
 *     session_call.c   the client's requests          session_serve.c  the server's answers to them
 *     session_give.c   a transfer from this side      session_take.c   a transfer to this side
 *
 * Both roles hand their messages to a giver or taker while one is at work: a fetch has the giver at the server, a push at the
 * client. */
#ifndef SYNC_SESSION_IMPL_H
#define SYNC_SESSION_IMPL_H

#include "frame.h"
#include "hash.h"
#include "message.h"
#include "session.h"

#define PAGE_COMMITS 1024u     /* commits between two NEXT */
#define PAGE_BYTES (1u << 20)  /* their blocks; one more may follow */
#define ASKS_MAX 1024u         /* in one run */
#define PIECE_BYTES (1u << 18) /* what is produced and packed at a time */

struct run { /* of messages, up to the END */
	struct sha256 digest;
	uint64_t count;
};

enum give_phase { GIVE_NOTHING, GIVE_HAVES, GIVE_PAGE, GIVE_ASKED, GIVE_ANSWERS };
struct giving {
	struct sync_giver *giver;
	enum give_phase phase;
	struct cid tip;
	bool is_dry_run;
	uint32_t rounds; /* of HAVE */
	uint64_t n_missing, n_sent; /* commits */
	struct cid *page;
	uint32_t n_page;
	struct sync_ask *asks;
	uint32_t n_asks, at; /* the one being answered */
	uint64_t trees, changes;
};

enum take_phase { TAKE_NOTHING, TAKE_OFFER, TAKE_PAGE, TAKE_ANSWERS, TAKE_ENDED };
struct taking {
	struct sync_taker *taker;
	enum take_phase phase;
	bool is_all_haves_sent;
	uint64_t n_missing, n_received;
	uint32_t n_page;
	struct sync_ask *asks;
	uint32_t n_asks, at;
	uint64_t bytes_max;
	struct sync_taken result;
};

enum request { REQUEST_NONE, REQUEST_LIST, REQUEST_FETCH, REQUEST_PUSH };

struct packer;
struct session {
	bool is_client, is_failed, is_over;
	bool is_greeted; /* the other side's HELLO has come */
	bool is_packing; /* what goes out may be packed */
	bool is_awaiting; /* client: what was sent waits for an answer */
	const struct sync_side *side;
	struct packer *packer;
	uint8_t other_id[STORE_ID_SIZE];

	struct frame_reader in;
	struct buf unpacked; /* of one PACKED message */
	struct buf plain;    /* frames that are still to be packed, or not */
	struct buf out;
	size_t out_at;
	struct run run_in, run_out;
	struct session_counts counts;
	struct session_progress progress; /* session_is_at */
	uint64_t bytes_before;            /* its phase */

	enum request request;
	struct giving give;
	struct taking take;
	uint64_t bytes_taken; /* by this push, or by all fetches */

	/* server */
	struct session_server server;
	bool is_listing; /* an answer to LIST is on its way */
	char list_tags_of[CEL_NAME_MAX + 1]; /* "": collections */
	char list_prefix[CEL_NAME_MAX + 2], list_after[CEL_NAME_MAX + 1];
	/* client */
	struct session_client client;
	session_entry_fn *each;
	uint32_t n_entries; /* of this list */
	void *each_context;
	struct session_fetched *fetched;
	struct session_pushed *pushed;
};

/* session.c */
/* What is going on from now on. */
void session_is_at(struct session *s, const char *phase, const char *unit, uint64_t done, uint64_t total);
int session_put(struct session *s, const struct message *m, struct cel_error *e);
int session_put_end(struct session *s, struct cel_error *e); /* closes the run of what was put */
int session_check_end(struct session *s, const struct message_end *end, struct cel_error *e);
int session_unexpected(const struct message *m, struct cel_error *e); /* CEL_EPROTOCOL */

/* session_call.c, session_serve.c: one message that came. */
int session_call_message(struct session *s, const struct message *m, struct cel_error *e);
int session_serve_message(struct session *s, const struct message *m, struct cel_error *e);
/* Makes more of an answer: 1, 0 if there is nothing to be made. */
int session_serve_produce(struct session *s, struct cel_error *e);

/* session_give.c. *is_done: the other side has all. */
int giving_begin(struct session *s, const char *rev, bool is_dry_run, struct cel_error *e);
int giving_message(struct session *s, const struct message *m, bool *is_done, struct cel_error *e);
int giving_produce(struct session *s, struct cel_error *e);
void giving_end(struct session *s);

/* session_take.c. *is_done: the result is in s->take.result. */
int taking_begin(struct session *s, const struct sync_take_options *options, struct cel_error *e);
int taking_message(struct session *s, const struct message *m, bool *is_done, struct cel_error *e);
void taking_end(struct session *s, bool is_distrusted);

#endif
