/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/reply_error.h"

#include "base/check.h"

static void put_tuple(struct buf *buf, const char *name, uint64_t number)
{
    buf_put_str(buf, "{");
    buf_put_str(buf, name);
    buf_put_str(buf, ",");
    buf_put_dec(buf, number);
    buf_put_str(buf, "}");
}

/* {r_val_unsatisfied,Needed,Got} */
static void put_unsatisfied(struct buf *buf, const char *name, const struct reply *reply)
{
    buf_put_str(buf, "{");
    buf_put_str(buf, name);
    buf_put_str(buf, "_val_unsatisfied,");
    buf_put_dec(buf, reply->need);
    buf_put_str(buf, ",");
    buf_put_dec(buf, reply->have);
    buf_put_str(buf, "}");
}

/* {insufficient_vnodes,Have,need,Need} */
static void put_insufficient(struct buf *buf, const char *name, const struct reply *reply)
{
    buf_put_str(buf, "{insufficient_");
    buf_put_str(buf, name);
    buf_put_str(buf, ",");
    buf_put_dec(buf, reply->have);
    buf_put_str(buf, ",need,");
    buf_put_dec(buf, reply->need);
    buf_put_str(buf, "}");
}

/* {r_val_violation,X}: `text` names the parameter, `need` is what was asked for. */
static void put_violation(struct buf *buf, const struct reply *reply)
{
    buf_put_str(buf, "{");
    buf_put(buf, reply->text.len > 0 ? reply->text : BYTES_LIT("quorum"));
    buf_put_str(buf, "_val_violation,");
    buf_put_dec(buf, reply->need);
    buf_put_str(buf, "}");
}

static void put_text_or(struct buf *buf, const struct reply *reply, const char *otherwise)
{
    if (reply->text.len > 0)
        buf_put(buf, reply->text);
    else
        buf_put_str(buf, otherwise);
}

/* What Riak says when a handler crashes: class:reason:stack. The session closes afterwards. */
static void put_crash(struct buf *buf, const char *class, const struct reply *reply,
                      const char *otherwise)
{
    buf_put_str(buf, "Error processing incoming message: ");
    buf_put_str(buf, class);
    buf_put_str(buf, ":");
    put_text_or(buf, reply, otherwise);
    buf_put_str(buf, ":[]");
}

static void put_bad_property(struct buf *buf, const struct reply *reply)
{
    buf_put_str(buf, "Invalid bucket properties: ");
    put_text_or(buf, reply, "invalid");
}

/* Riak has no words for a damaged context, it crashes; these say what to do. */
#define BAD_CONTEXT_TEXT                                                                           \
    "Invalid vclock: it is damaged or was not made by this cluster; read the object again"

/* Riak has no such state: it writes until the disk says no. */
#define DISK_FULL_TEXT "The disk is nearly full: only reads and deletes are served"

void reply_error_pb(struct buf *buf, const struct reply *reply)
{
    switch (reply->err) {
    case ERR_OK: UNREACHABLE();
    case ERR_NOT_FOUND: buf_put_str(buf, "notfound"); return;
    case ERR_BAD_REQUEST: put_text_or(buf, reply, "bad request"); return;
    case ERR_MALFORMED: put_crash(buf, "error", reply, "malformed"); return;
    case ERR_TOO_LARGE: put_tuple(buf, "too_large", reply->size); return;
    case ERR_TOO_MANY_SIBLINGS: put_tuple(buf, "too_many_siblings", reply->size); return;
    case ERR_KEY_TOO_LARGE: put_crash(buf, "throw", reply, "{error,key_too_large}"); return;
    case ERR_NO_TYPE:
    case ERR_NOT_ACTIVE: buf_put_str(buf, "no_type"); return;
    case ERR_N_VAL_VIOLATION: put_tuple(buf, "n_val_violation", reply->need); return;
    case ERR_QUORUM_VIOLATION: put_violation(buf, reply); return;
    case ERR_BAD_PROPERTY: put_bad_property(buf, reply); return;
    case ERR_BAD_CONTEXT: buf_put_str(buf, BAD_CONTEXT_TEXT); return;
    case ERR_MATCH_FOUND: buf_put_str(buf, "match_found"); return;
    case ERR_MODIFIED: buf_put_str(buf, "modified"); return;
    case ERR_PRECONDITION: buf_put_str(buf, "failed"); return;
    case ERR_UNCHANGED: buf_put_str(buf, "unchanged"); return;
    case ERR_OVERLOAD:
    case ERR_FULL: buf_put_str(buf, "overload"); return;
    case ERR_ALL_NODES_DOWN: buf_put_str(buf, "all_nodes_down"); return;
    case ERR_INSUFFICIENT_VNODES: put_insufficient(buf, "vnodes", reply); return;
    case ERR_INSUFFICIENT_NODES: put_insufficient(buf, "nodes", reply); return;
    case ERR_R_UNSATISFIED: put_unsatisfied(buf, "r", reply); return;
    case ERR_PR_UNSATISFIED: put_unsatisfied(buf, "pr", reply); return;
    case ERR_W_UNSATISFIED: put_unsatisfied(buf, "w", reply); return;
    case ERR_DW_UNSATISFIED: put_unsatisfied(buf, "dw", reply); return;
    case ERR_PW_UNSATISFIED: put_unsatisfied(buf, "pw", reply); return;
    case ERR_NODE_CONFIRMS_UNSATISFIED: put_unsatisfied(buf, "node_confirms", reply); return;
    case ERR_WRONG_OWNER: buf_put_str(buf, "wrong_owner"); return;
    case ERR_STALE: buf_put_str(buf, "stale"); return;
    case ERR_REFUSED: put_text_or(buf, reply, "refused"); return;
    case ERR_UNREACHABLE: put_text_or(buf, reply, "unreachable"); return;
    case ERR_STOPPING: buf_put_str(buf, "stopping"); return;
    case ERR_TIMEOUT:
    case ERR_UNKNOWN: buf_put_str(buf, "timeout"); return;
    case ERR_CORRUPT: buf_put_str(buf, "corrupt"); return;
    case ERR_IO: buf_put_str(buf, "eio"); return;
    case ERR_NO_SPACE: buf_put_str(buf, "enospc"); return;
    case ERR_DISK_FULL: buf_put_str(buf, "disk_full"); return;
    case ERR_WOULD_BLOCK: buf_put_str(buf, "eagain"); return;
    case ERR_BUSY: buf_put_str(buf, "ebusy"); return;
    case ERR_VERSION: buf_put_str(buf, "version"); return;
    }
    UNREACHABLE();
}

/* R-value unsatisfied: got/needed */
static unsigned unsatisfied(struct buf *body, const char *name, const struct reply *reply)
{
    buf_put_str(body, name);
    buf_put_str(body, "-value unsatisfied: ");
    buf_put_dec(body, reply->have);
    buf_put_str(body, "/");
    buf_put_dec(body, reply->need);
    buf_put_str(body, "\n");
    return 503;
}

/* What Riak has no text for: the term, as the other protocol has it. */
static unsigned term(struct buf *body, const struct reply *reply, unsigned status)
{
    buf_put_str(body, "Error:\n");
    reply_error_pb(body, reply);
    buf_put_str(body, "\n");
    return status;
}

static unsigned line(struct buf *body, const char *text, unsigned status)
{
    buf_put_str(body, text);
    buf_put_str(body, "\n");
    return status;
}

static unsigned text_line(struct buf *body, const struct reply *reply, const char *otherwise,
                          unsigned status)
{
    put_text_or(body, reply, otherwise);
    return line(body, "", status);
}

static unsigned n_val_violation(struct buf *body, const struct reply *reply)
{
    buf_put_str(body, "Specified w/dw/pw/node_confirms values invalid for bucket n value of ");
    buf_put_dec(body, reply->need);
    return line(body, "", 400);
}

static unsigned no_type(struct buf *body, const struct reply *reply)
{
    buf_put_str(body, "Unknown bucket type: ");
    buf_put(body, reply->text);
    return 404;
}

unsigned reply_error_http(struct buf *body, const struct reply *reply)
{
    switch (reply->err) {
    case ERR_OK: UNREACHABLE();
    case ERR_NOT_FOUND: return line(body, "not found", 404);
    case ERR_BAD_REQUEST: return text_line(body, reply, "bad request", 400);
    case ERR_MALFORMED: return text_line(body, reply, "malformed", 400);
    case ERR_KEY_TOO_LARGE: return line(body, "The key is longer than 65536 bytes", 400);
    case ERR_NO_TYPE:
    case ERR_NOT_ACTIVE: return no_type(body, reply);
    case ERR_N_VAL_VIOLATION: return n_val_violation(body, reply);
    case ERR_QUORUM_VIOLATION: return term(body, reply, 400);
    case ERR_BAD_PROPERTY: return text_line(body, reply, "invalid", 400);
    case ERR_BAD_CONTEXT: return line(body, BAD_CONTEXT_TEXT, 400);
    case ERR_MATCH_FOUND:
    case ERR_PRECONDITION: return 412;
    case ERR_MODIFIED: return 409;
    case ERR_UNCHANGED: return 304;
    case ERR_R_UNSATISFIED: return unsatisfied(body, "R", reply);
    case ERR_PR_UNSATISFIED: return unsatisfied(body, "PR", reply);
    case ERR_W_UNSATISFIED: return unsatisfied(body, "W", reply);
    case ERR_DW_UNSATISFIED: return unsatisfied(body, "DW", reply);
    case ERR_PW_UNSATISFIED: return unsatisfied(body, "PW", reply);
    case ERR_NODE_CONFIRMS_UNSATISFIED: return unsatisfied(body, "node_confirms", reply);
    case ERR_TIMEOUT:
    case ERR_UNKNOWN: return line(body, "request timed out", 503);
    case ERR_STOPPING: return line(body, "this node is stopping", 503);
    case ERR_REFUSED: return text_line(body, reply, "refused", 503);
    case ERR_UNREACHABLE: return text_line(body, reply, "unreachable", 503);
    case ERR_DISK_FULL: return line(body, DISK_FULL_TEXT, 507);
    case ERR_TOO_LARGE:
    case ERR_TOO_MANY_SIBLINGS:
    case ERR_OVERLOAD:
    case ERR_ALL_NODES_DOWN:
    case ERR_INSUFFICIENT_VNODES:
    case ERR_INSUFFICIENT_NODES:
    case ERR_WRONG_OWNER:
    case ERR_STALE:
    case ERR_FULL:
    case ERR_CORRUPT:
    case ERR_IO:
    case ERR_NO_SPACE:
    case ERR_WOULD_BLOCK:
    case ERR_BUSY:
    case ERR_VERSION: return term(body, reply, 500);
    }
    UNREACHABLE();
}

static bool printable(struct bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t c = bytes.data[i];
        bool control = (c >= 8 && c <= 13) || c == 27;
        if (!control && (c < 0x20 || c > 0x7e))
            return false;
    }
    return true;
}

static void put_escaped(struct buf *buf, uint8_t c)
{
    static const char letters[] = "btnvfr"; /* of 8 to 13 */

    if (c >= 8 && c <= 13) {
        buf_put_u8(buf, '\\');
        buf_put_u8(buf, (uint8_t)letters[c - 8]);
        return;
    }
    if (c == 27) {
        buf_put_str(buf, "\\e");
        return;
    }
    if (c == '"' || c == '\\')
        buf_put_u8(buf, '\\');
    buf_put_u8(buf, c);
}

void erlang_binary_put(struct buf *buf, struct bytes bytes)
{
    bool text = bytes.len > 0 && printable(bytes);

    buf_put_str(buf, text ? "<<\"" : "<<");
    for (size_t i = 0; i < bytes.len; i++) {
        if (text) {
            put_escaped(buf, bytes.data[i]);
        } else {
            if (i > 0)
                buf_put_str(buf, ",");
            buf_put_dec(buf, bytes.data[i]);
        }
    }
    buf_put_str(buf, text ? "\">>" : ">>");
}
