/* SPDX-License-Identifier: Apache-2.0 */
/* The query parameters of requests for objects, with Riak's words for what is wrong in them. */
#ifndef WIRE_HTTP_OPTIONS_H
#define WIRE_HTTP_OPTIONS_H

#include "base/buf.h"
#include "base/err.h"
#include "msg/request.h"
#include "wire/http_request.h"

struct http_options {
    struct request_options quorums;
    bool expired; /* the client gave a time that is over: answered with a time-out */
    bool asis;
    bool return_body;
    bool has_vtag;
    struct bytes vtag;
};

/* Reads all parameters of an object's request; unknown ones do not count. ERR_BAD_REQUEST, with
 * one line for each bad one in `problem`. */
enum err http_options_read(const struct http_request *request, struct arena *arena,
                           struct http_options *ret_options, struct buf *problem) MUST_CHECK;

/* Reads `timeout` alone, for listings. */
enum err http_timeout_read(const struct http_request *request, struct arena *arena,
                           uint32_t *ret_timeout_ms, bool *ret_expired, struct buf *problem)
    MUST_CHECK;

#endif
