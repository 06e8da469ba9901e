/* SPDX-License-Identifier: Apache-2.0 */
/* An answer under construction, and how it goes onto the wire. Who makes it sets status, type,
 * headers and body; whether the body is left out (HEAD), packed or cut to ranges depends on the
 * request and is decided here.
 *
 * No value of a header ends its line: a line end or a zero in what came by the other protocol is
 * written as a blank. */
#ifndef WIRE_HTTP_ANSWER_H
#define WIRE_HTTP_ANSWER_H

#include "base/buf.h"
#include "wire/http_request.h"

enum {
    HTTP_ANSWER_BYTES_MAX = 256 * 1024 * 1024, /* of a body that is made here */
    HTTP_ETAG_BYTES_MAX = 32,                  /* with the zero at its end */
};

struct http_answer {
    unsigned status;
    struct buf type;                /* Content-Type; empty: none is sent */
    struct buf head;                /* further lines, each with its end */
    struct buf text;                /* a body that is made here */
    struct bytes body;              /* a body that somebody else holds, when `text` is empty */
    char etag[HTTP_ETAG_BYTES_MAX]; /* without quotes, for If-Range; empty: there is none */
    struct buf shaped;              /* the body as this client gets it, when that differs */
    bool offers_types;              /* the type was chosen by Accept */
    bool offers_gzip;               /* the body may be packed */
};

/* An empty answer. */
void http_answer_init(struct http_answer *answer, unsigned status);

void http_answer_done(struct http_answer *answer);

/* Adds a header. */
void http_answer_header(struct http_answer *answer, const char *name, struct bytes value);

void http_answer_type(struct http_answer *answer, struct bytes type);

/* Makes it a short page in HTML, as for all errors that have no words of their own. */
void http_answer_page(struct http_answer *answer, unsigned status);

/* Makes it plain text. */
void http_answer_text(struct http_answer *answer, unsigned status, struct bytes text);

/* Makes it JSON, packed if the client likes; the caller writes `text`. */
void http_answer_json(struct http_answer *answer, unsigned status);

/* What the wire needs to know beside the answer. */
struct http_way {
    const struct http_request *request; /* NULL: there was none that could be read */
    uint64_t wall_s;
    bool close; /* this is the last answer of the connection */
};

/* Writes the head; gives back the body that must follow it, which lives as long as the answer. An
 * answer that outgrew its bounds becomes a 500. */
struct bytes http_answer_write(struct http_answer *answer, const struct http_way *way,
                               struct arena *arena, struct buf *out);

/* Writes the head of an answer whose body comes in pieces: chunked, or for an HTTP/1.0 client until
 * the connection closes. */
void http_answer_begin(struct http_answer *answer, const struct http_way *way, struct buf *out);

/* One piece of such a body; not empty. */
void http_piece_put(const struct http_request *request, struct buf *out, struct bytes piece);

/* Its end. */
void http_pieces_end(const struct http_request *request, struct buf *out);

/* Writes a header's value, blanks in place of what would end the line. */
void http_value_put(struct buf *buf, struct bytes value);

/* Whether bytes can be the name of a header. */
bool http_is_token(struct bytes name);

#endif
