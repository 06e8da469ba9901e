/* SPDX-License-Identifier: Apache-2.0 */
/* The conditional headers of HTTP (RFC 9110, 13): read once, then either turned into what a write
 * must find, or judged here against what a read has found. */
#ifndef WIRE_HTTP_CONDITION_H
#define WIRE_HTTP_CONDITION_H

#include "model/condition.h"
#include "wire/http_request.h"

struct http_condition {
    struct condition tags; /* If-Match, If-None-Match and If-Unmodified-Since */
    bool has_modified_since;
    uint64_t modified_since_s; /* If-Modified-Since */
};

/* Reads the headers; what is no date or no tag does not count. */
void http_condition_read(const struct http_request *request, struct arena *arena,
                         struct http_condition *ret_condition);

/* What a GET or HEAD of something that exists comes to: 200, 304 or 412. `etag` is without
 * quotes. */
unsigned http_condition_judge(const struct http_condition *condition, struct bytes etag,
                              uint64_t modified_s, uint64_t now_s);

#endif
