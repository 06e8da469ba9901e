/* SPDX-License-Identifier: Apache-2.0 */
/* One table for each message. What a table cannot say stands in the functions that finish a
 * call. */
#include "wire/pb_decode.h"

#include "base/check.h"
#include "model/context.h"
#include "wire/pb_content.h"
#include "wire/pb_wire.h"

#define AT(member)     offsetof(struct pb_call, member)
#define OPTION(member) offsetof(struct pb_call, request.options.member)
#define REQUIRED       true
#define OPTIONAL       false

static const struct pb_spec client_id_specs[] = {
    [1] = {PB_BYTES, REQUIRED, AT(client_id)},
};

static const struct pb_spec get_specs[] = {
    [1] = {PB_BYTES, REQUIRED, AT(request.key.bucket)},
    [2] = {PB_BYTES, REQUIRED, AT(request.key.key)},
    [3] = {PB_UINT32, OPTIONAL, OPTION(r)},
    [4] = {PB_UINT32, OPTIONAL, OPTION(pr)},
    [5] = {PB_TRISTATE, OPTIONAL, OPTION(basic_quorum)},
    [6] = {PB_TRISTATE, OPTIONAL, OPTION(notfound_ok)},
    [7] = {PB_BYTES, OPTIONAL, AT(vclock)},
    [8] = {PB_BOOL, OPTIONAL, AT(request.u.get.head)},
    [9] = {PB_BOOL, OPTIONAL, AT(deletedvclock)},
    [10] = {PB_UINT32, OPTIONAL, OPTION(timeout_ms)},
    [11] = {PB_TRISTATE, OPTIONAL, OPTION(sloppy_quorum)},
    [12] = {PB_UINT32, OPTIONAL, OPTION(n_val)},
    [13] = {PB_BYTES, OPTIONAL, AT(request.key.type)},
    [14] = {PB_UINT32, OPTIONAL, OPTION(node_confirms)},
};

static const struct pb_spec put_specs[] = {
    [1] = {PB_BYTES, REQUIRED, AT(request.key.bucket)},
    [2] = {PB_BYTES, OPTIONAL, AT(request.key.key)},
    [3] = {PB_BYTES, OPTIONAL, AT(vclock)},
    [4] = {PB_BYTES, REQUIRED, AT(content)},
    [5] = {PB_UINT32, OPTIONAL, OPTION(w)},
    [6] = {PB_UINT32, OPTIONAL, OPTION(dw)},
    [7] = {PB_BOOL, OPTIONAL, AT(request.u.put.return_body)},
    [8] = {PB_UINT32, OPTIONAL, OPTION(pw)},
    [9] = {PB_BOOL, OPTIONAL, AT(request.u.put.condition.if_not_modified)},
    [10] = {PB_BOOL, OPTIONAL, AT(request.u.put.condition.if_none_match_any)},
    [11] = {PB_BOOL, OPTIONAL, AT(return_head)},
    [12] = {PB_UINT32, OPTIONAL, OPTION(timeout_ms)},
    [13] = {PB_BOOL, OPTIONAL, AT(request.u.put.asis)},
    [14] = {PB_TRISTATE, OPTIONAL, OPTION(sloppy_quorum)},
    [15] = {PB_UINT32, OPTIONAL, OPTION(n_val)},
    [16] = {PB_BYTES, OPTIONAL, AT(request.key.type)},
    [17] = {PB_UINT32, OPTIONAL, OPTION(node_confirms)},
};

static const struct pb_spec del_specs[] = {
    [1] = {PB_BYTES, REQUIRED, AT(request.key.bucket)},
    [2] = {PB_BYTES, REQUIRED, AT(request.key.key)},
    [3] = {PB_UINT32, OPTIONAL, OPTION(rw)},
    [4] = {PB_BYTES, OPTIONAL, AT(vclock)},
    [5] = {PB_UINT32, OPTIONAL, OPTION(r)},
    [6] = {PB_UINT32, OPTIONAL, OPTION(w)},
    [7] = {PB_UINT32, OPTIONAL, OPTION(pr)},
    [8] = {PB_UINT32, OPTIONAL, OPTION(pw)},
    [9] = {PB_UINT32, OPTIONAL, OPTION(dw)},
    [10] = {PB_UINT32, OPTIONAL, OPTION(timeout_ms)},
    [11] = {PB_TRISTATE, OPTIONAL, OPTION(sloppy_quorum)},
    [12] = {PB_UINT32, OPTIONAL, OPTION(n_val)},
    [13] = {PB_BYTES, OPTIONAL, AT(request.key.type)},
};

static const struct pb_spec preflist_specs[] = {
    [1] = {PB_BYTES, REQUIRED, AT(request.key.bucket)},
    [2] = {PB_BYTES, REQUIRED, AT(request.key.key)},
    [3] = {PB_BYTES, OPTIONAL, AT(request.key.type)},
};

static const struct pb_spec list_buckets_specs[] = {
    [1] = {PB_UINT32, OPTIONAL, OPTION(timeout_ms)},
    [2] = {PB_BOOL, OPTIONAL, AT(request.u.list.stream)},
    [3] = {PB_BYTES, OPTIONAL, AT(request.key.type)},
};

static const struct pb_spec list_keys_specs[] = {
    [1] = {PB_BYTES, REQUIRED, AT(request.key.bucket)},
    [2] = {PB_UINT32, OPTIONAL, OPTION(timeout_ms)},
    [3] = {PB_BYTES, OPTIONAL, AT(request.key.type)},
};

/* Get and reset of a bucket. */
static const struct pb_spec bucket_specs[] = {
    [1] = {PB_BYTES, REQUIRED, AT(request.key.bucket)},
    [2] = {PB_BYTES, OPTIONAL, AT(request.key.type)},
};

static const struct pb_spec set_bucket_specs[] = {
    [1] = {PB_BYTES, REQUIRED, AT(request.key.bucket)},
    [2] = {PB_BYTES, REQUIRED, AT(props)},
    [3] = {PB_BYTES, OPTIONAL, AT(request.key.type)},
};

static const struct pb_spec get_type_specs[] = {
    [1] = {PB_BYTES, REQUIRED, AT(request.key.type)},
};

static const struct pb_spec set_type_specs[] = {
    [1] = {PB_BYTES, REQUIRED, AT(request.key.type)},
    [2] = {PB_BYTES, REQUIRED, AT(props)},
};

static enum err finish_get(struct arena *arena, struct pb_call *call, struct buf *problem)
{
    (void)problem;
    call->request.kind = REQUEST_GET;
    call->request.u.get.has_if_modified = call->vclock.data != NULL;
    return context_decode(arena, call->vclock, &call->request.u.get.if_modified);
}

static enum err finish_put(struct arena *arena, struct pb_call *call, struct buf *problem)
{
    struct request_put *put = &call->request.u.put;

    call->request.kind = REQUEST_PUT;
    put->return_body = put->return_body || call->return_head;
    TRY(context_decode(arena, call->vclock, &put->context));
    put->condition.context = put->context;
    return pb_content_read(arena, call->content, put, problem);
}

/* An empty vclock is none: Riak would write a tombstone beside whatever is there, which deletes
 * nothing. */
static enum err finish_del(struct arena *arena, struct pb_call *call, struct buf *problem)
{
    (void)problem;
    call->request.kind = REQUEST_DELETE;
    call->request.u.del.has_context = call->vclock.len > 0;
    return context_decode(arena, call->vclock, &call->request.u.del.context);
}

static enum err finish_list_buckets(struct arena *arena, struct pb_call *call, struct buf *problem)
{
    (void)arena;
    (void)problem;
    call->request.kind = REQUEST_LIST_BUCKETS;
    return ERR_OK;
}

static enum err finish_list_keys(struct arena *arena, struct pb_call *call, struct buf *problem)
{
    (void)arena;
    (void)problem;
    call->request.kind = REQUEST_LIST_KEYS;
    call->request.u.list.stream = true;
    return ERR_OK;
}

struct shape {
    bool known;
    struct pb_specs fields;
    enum err (*finish)(struct arena *arena, struct pb_call *call, struct buf *problem);
};

#define FIELDS(specs)                                                                              \
    {                                                                                              \
        specs, ARRAY_LEN(specs)                                                                    \
    }
#define NO_FIELDS                                                                                  \
    {                                                                                              \
        NULL, 0                                                                                    \
    }

static const struct shape shapes[] = {
    [PB_PING_REQ] = {true, NO_FIELDS, NULL},
    [PB_GET_CLIENT_ID_REQ] = {true, NO_FIELDS, NULL},
    [PB_SET_CLIENT_ID_REQ] = {true, FIELDS(client_id_specs), NULL},
    [PB_SERVER_INFO_REQ] = {true, NO_FIELDS, NULL},
    [PB_GET_REQ] = {true, FIELDS(get_specs), finish_get},
    [PB_PUT_REQ] = {true, FIELDS(put_specs), finish_put},
    [PB_DEL_REQ] = {true, FIELDS(del_specs), finish_del},
    [PB_LIST_BUCKETS_REQ] = {true, FIELDS(list_buckets_specs), finish_list_buckets},
    [PB_LIST_KEYS_REQ] = {true, FIELDS(list_keys_specs), finish_list_keys},
    [PB_GET_BUCKET_REQ] = {true, FIELDS(bucket_specs), NULL},
    [PB_SET_BUCKET_REQ] = {true, FIELDS(set_bucket_specs), NULL},
    [PB_RESET_BUCKET_REQ] = {true, FIELDS(bucket_specs), NULL},
    [PB_GET_TYPE_REQ] = {true, FIELDS(get_type_specs), NULL},
    [PB_SET_TYPE_REQ] = {true, FIELDS(set_type_specs), NULL},
    [PB_PREFLIST_REQ] = {true, FIELDS(preflist_specs), NULL},
    [PB_START_TLS] = {true, NO_FIELDS, NULL},
};

bool pb_code_known(uint8_t code)
{
    _Static_assert(ARRAY_LEN(shapes) == UINT8_MAX + 1, "every code has a place");
    return shapes[code].known;
}

enum err pb_decode(struct arena *arena, uint8_t code, struct bytes body, struct pb_call *ret_call,
                   struct buf *problem)
{
    ASSERT(pb_code_known(code));
    const struct shape *shape = &shapes[code];
    struct pb_call call = {.code = (enum pb_code)code};

    ASSERT(problem->len == 0);
    if (shape->fields.count == 0 && body.len > 0)
        return ERR_MALFORMED;
    request_options_init(&call.request.options);
    TRY(pb_read(shape->fields, body, &call));
    if (call.request.key.type.data == NULL)
        call.request.key.type = TYPE_DEFAULT;
    if (shape->finish != NULL)
        TRY(shape->finish(arena, &call, problem));
    *ret_call = call;
    return ERR_OK;
}
