/* SPDX-License-Identifier: Apache-2.0 */
/* JSON texts, read and written.
 *
 * A text is read into a tree in an arena. Depth and count of the values are bounded; strings are
 * UTF-8. Numbers keep their text, since no floating point enters here.
 *
 * Writing needs no tree: a json_out puts commas where they belong. JSON strings are Unicode while
 * Riak's names are bytes: a byte that is no part of valid UTF-8 is written as U+FFFD. Such a name
 * is shown, but cannot be addressed by what is shown. */
#ifndef WIRE_JSON_H
#define WIRE_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum {
    JSON_DEPTH_MAX = 64,
    JSON_VALUES_MAX = 200000, /* in one text */
};

enum json_kind {
    JSON_NULL,
    JSON_BOOL,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
};

struct json {
    enum json_kind kind;
    bool truth;        /* JSON_BOOL */
    uint32_t count;    /* JSON_ARRAY, JSON_OBJECT: how many stand in it */
    struct bytes name; /* of a member of an object */
    struct bytes text; /* JSON_STRING: unescaped; JSON_NUMBER: as it was written */
    struct json *first;
    struct json *next; /* in the same array or object, in order */
};

/* Reads one text. ERR_MALFORMED when it is none; ERR_TOO_LARGE when it is too deep or has too many
 * values. What it makes points into the arena only. */
enum err json_read(struct arena *arena, struct bytes text, const struct json **ret_json) MUST_CHECK;

/* The first member of this name; NULL when there is none or `json` is no object. */
const struct json *json_member(const struct json *json, struct bytes name);

/* The value of a JSON_NUMBER that is an integer; false for anything else or out of range. */
bool json_integer(const struct json *json, int64_t *ret_value);

struct json_out {
    struct buf *buf;
    bool comma; /* something stands before in the same array or object */
};

struct json_out json_out_of(struct buf *buf);

void json_open(struct json_out *out, char bracket); /* '{' or '[' */
void json_close(struct json_out *out, char bracket);
void json_name(struct json_out *out, struct bytes name);
void json_string(struct json_out *out, struct bytes text);
void json_u64(struct json_out *out, uint64_t value);
void json_bool(struct json_out *out, bool value);
/* A value that is JSON already. */
void json_raw(struct json_out *out, struct bytes json);
/* A tree, in the order in which it was read. */
void json_tree(struct json_out *out, const struct json *json);

/* Member by name and value. */
void json_put_string(struct json_out *out, const char *name, struct bytes text);
void json_put_u64(struct json_out *out, const char *name, uint64_t value);
void json_put_bool(struct json_out *out, const char *name, bool value);

/* Whether the bytes are UTF-8: shortest forms only, no surrogates, up to U+10FFFF. */
bool utf8_valid(struct bytes text);

#endif
