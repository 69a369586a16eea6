/* SPDX-License-Identifier: Apache-2.0 */
/* Part of cel.h: errors, element types, metrics, the schema. */
#ifndef CEL_H
#error "include cel.h"
#endif

#define CEL_VERSION "0.1.0"
/* Numbers of the formats that are stored or sent; data of another number is refused. */
#define CEL_FORMAT_STORE 3u
#define CEL_FORMAT_TREE 1u
#define CEL_FORMAT_INDEX 7u
#define CEL_FORMAT_PATCH 1u
#define CEL_FORMAT_PROTOCOL 1u

/* X(name, value, exit status, text). The exit statuses are those of sysexits.h, and frozen. */
#define CEL_ERRORS(X)                                                        \
	X(CEL_ENOTFOUND, -1, 1, "not found")                                 \
	X(CEL_EUSAGE, -64, 64, "wrong usage")                                \
	X(CEL_EDATA, -65, 65, "bad data")                                    \
	X(CEL_ENOINPUT, -66, 66, "no such input")                            \
	X(CEL_EUNAVAILABLE, -69, 69, "unavailable")                          \
	X(CEL_EINTERNAL, -70, 70, "internal error")                          \
	X(CEL_ENOMEM, -71, 69, "out of memory")                              \
	X(CEL_ECORRUPT, -72, 74, "stored data is damaged")                   \
	X(CEL_ECANTCREAT, -73, 73, "cannot create")                          \
	X(CEL_EIO, -74, 74, "input/output error")                            \
	X(CEL_EBUSY, -75, 75, "busy, try again")                             \
	X(CEL_EPROTOCOL, -76, 76, "protocol error")                          \
	X(CEL_EPERMISSION, -77, 77, "permission denied")                     \
	X(CEL_ECONFIG, -78, 78, "wrong configuration")

enum cel_code {
#define X(name, value, status, text) name = (value),
	CEL_ERRORS(X)
#undef X
};

struct cel_error {
	int code;           /* a CEL_E code, or 0 */
	char message[1000]; /* one line, UTF-8, no newline */
};

const char *cel_error_text(int code);  /* the text of a code, without context */
int cel_error_exit_status(int code);   /* 0 for 0 */

/* Element types of a vector. The values are local to the API; in stored data types are named by their text. */
enum cel_type { CEL_F32 = 1, CEL_F16, CEL_BF16, CEL_I8, CEL_U8, CEL_B1 };
/* Metrics; smaller is nearer. l2: Euclidean, with its root; ip: minus the inner product; cosine: 1 - cos. Of bits (b1) only,
 * hamming: how many differ; jaccard: 1 - both / either, 0 for two without any. jsd: the Jensen-Shannon distance of vectors
 * without negative elements, taken as probabilities: the root of the divergence in bits, 0 to 1. haversine: between latitudes
 * and longitudes in degrees (f32, dim 2), kilometres on a sphere of the earth's mean radius, 6371.0088 km. */
enum cel_metric { CEL_L2 = 1, CEL_IP, CEL_COSINE, CEL_HAMMING, CEL_JACCARD, CEL_JSD, CEL_HAVERSINE };

const char *cel_type_name(enum cel_type type);       /* "f32", ... */
const char *cel_metric_name(enum cel_metric metric); /* "l2", ... */
int cel_type_parse(const char *name, enum cel_type *out, struct cel_error *e);
int cel_metric_parse(const char *name, enum cel_metric *out, struct cel_error *e);
size_t cel_type_size(enum cel_type type);            /* bytes an element; 0 for b1, whose elements are bits */
/* Bytes a vector. b1: eight elements a byte, the first in the highest bit; the bits that are left over are 0. */
size_t cel_vector_size(enum cel_type type, uint32_t dim);

#define CEL_DIM_MAX 65535u
#define CEL_ID_MAX 512u       /* bytes */
#define CEL_NAME_MAX 63u      /* bytes of a collection's name */
#define CEL_CID_TEXT_SIZE 60u /* base32 text of a CID with its NUL */

/* What two histories must share to be merged; part of every commit. */
struct cel_schema {
	uint32_t dim; /* elements a vector, 1..CEL_DIM_MAX */
	enum cel_type type;
	enum cel_metric metric;
	char model[256]; /* free text, UTF-8, may be empty */
};

/* How far a mistyped word is from another: the least number of letters (bytes) to put in, to leave out, to replace, or to swap with the
 * next one (Damerau and Levenshtein, no letter twice). UINT_MAX if one of them has more than 255. */
unsigned cel_edit_distance(const char *a, const char *b);

/* The kernels in use: "scalar", "avx2", "avx512", "neon". CEL_EUNAVAILABLE if CEL_SIMD names one the CPU lacks. */
int cel_simd_name(const char **out, struct cel_error *e);
