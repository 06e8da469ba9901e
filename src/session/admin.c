/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API under /dassie/v1/, in JSON (docs/manual/admin-api.md). Reading is for everybody on
 * this machine; so is changing, and neither for a browser. What a resource is called here, an
 * operator finds again as a subcommand. */
#include "base/check.h"
#include "model/limits.h"
#include "model/overlay.h"
#include "session/admin_show.h"
#include "session/http_admin.h"
#include "wire/http_props.h"
#include "wire/json.h"

static enum http_admin_outcome say(struct http_admin_call *call, struct buf *answer,
                                   unsigned status, const char *text)
{
    struct json_out out = json_out_of(answer);

    json_open(&out, '{');
    json_put_string(&out, "error", bytes_str(text));
    json_close(&out, '}');
    call->status = status;
    return HTTP_ADMIN_ANSWERED;
}

static enum http_admin_outcome only(struct http_admin_call *call, unsigned verbs)
{
    call->verbs = verbs;
    return HTTP_ADMIN_NO_VERB;
}

static struct bytes member(const struct json *json, const char *name)
{
    const struct json *at = json_member(json, bytes_str(name));

    if (at != NULL && at->kind == JSON_BOOL)
        return at->truth ? BYTES_LIT("true") : BYTES_LIT("false");
    return at != NULL && (at->kind == JSON_STRING || at->kind == JSON_NUMBER) ? at->text
                                                                              : BYTES_NONE;
}

/* A change of the cluster: its resource, the verb, and the members of the body that it takes. */
struct change {
    const char *path;
    enum admin_verb verb;
    const char *target; /* NULL: none; with '?' before it: may be left out */
    const char *value;
    enum admin_form form;
};

static const struct change changes[] = {
    {"cluster/join", ADMIN_JOIN, "address", NULL, ADMIN_FORM_STATUS},
    {"cluster/leave", ADMIN_LEAVE, "name", "force", ADMIN_FORM_STATUS},
    {"cluster/replace", ADMIN_REPLACE, "name", "by", ADMIN_FORM_STATUS},
    {"cluster/force-remove", ADMIN_FORCE_REMOVE, "name", NULL, ADMIN_FORM_STATUS},
    {"cluster/force-replace", ADMIN_FORCE_REPLACE, "name", "by", ADMIN_FORM_STATUS},
    {"cluster/plan", ADMIN_PLAN, NULL, NULL, ADMIN_FORM_PLAN},
    {"cluster/commit", ADMIN_COMMIT, "?plan", NULL, ADMIN_FORM_PLAN},
    {"cluster/clear", ADMIN_CLEAR, NULL, NULL, ADMIN_FORM_STATUS},
    {"cluster/set-location", ADMIN_SET_LOCATION, "name", "location", ADMIN_FORM_STATUS},
    {"cluster/set-weight", ADMIN_SET_WEIGHT, "name", "weight", ADMIN_FORM_STATUS},
};

static bool wants_dry_run(const struct http_admin_call *call, struct arena *arena)
{
    struct bytes value;

    return http_query_param(call->query, arena, BYTES_LIT("dry_run"), &value) &&
           bytes_eq(value, BYTES_LIT("true"));
}

static enum http_admin_outcome ask_change(struct http_admin_call *call, const struct change *change,
                                          struct arena *arena, struct buf *answer)
{
    const struct json *json = NULL;
    struct admin_request *admin = &call->request.u.admin;

    if (call->verb != VERB_POST)
        return only(call, VERB_BIT(VERB_POST));
    if (call->body.len > 0 && json_read(arena, call->body, &json) != ERR_OK)
        return say(call, answer, 400, "the body is no JSON");
    *admin = (struct admin_request){.verb = change->verb, .dry_run = wants_dry_run(call, arena)};
    if (change->target != NULL) {
        bool optional = change->target[0] == '?';
        admin->target = member(json, change->target + optional);
        if (admin->target.len == 0 && !optional)
            return say(call, answer, 400, "the body must name what is to be changed");
    }
    if (change->value != NULL)
        admin->value = member(json, change->value);
    call->request.kind = REQUEST_ADMIN;
    call->form = change->form;
    return HTTP_ADMIN_ASKS;
}

/* What is only looked at: all from the same answer of the cluster. */
static enum http_admin_outcome ask_look(struct http_admin_call *call, enum admin_form form)
{
    if (call->verb != VERB_GET && call->verb != VERB_HEAD)
        return only(call, VERB_BIT(VERB_GET) | VERB_BIT(VERB_HEAD));
    call->request.kind = REQUEST_ADMIN;
    call->request.u.admin =
        (struct admin_request){.verb = form == ADMIN_FORM_PLAN ? ADMIN_PLAN : ADMIN_STATUS};
    call->form = form;
    return HTTP_ADMIN_ASKS;
}

/* aae; and repair, of one partition or of all. */
static enum http_admin_outcome ask_sweep(struct http_admin_call *call, bool repair,
                                         struct arena *arena, struct buf *answer)
{
    unsigned verbs = repair ? VERB_BIT(VERB_POST) : VERB_BIT(VERB_GET) | VERB_BIT(VERB_HEAD);
    struct request_sweep *sweep = &call->request.u.sweep;
    const struct json *json = NULL;
    uint64_t partition = 0;

    if ((verbs & VERB_BIT(call->verb)) == 0)
        return only(call, verbs);
    if (repair && call->body.len > 0 && json_read(arena, call->body, &json) != ERR_OK)
        return say(call, answer, 400, "the body is no JSON");
    struct bytes named = member(json, "partition");
    bool all = json_member(json, BYTES_LIT("partition")) == NULL;
    if (!all && (!bytes_to_u64(named, &partition) || partition >= SLOTS_MAX))
        return say(call, answer, 400, "partition is the number of one, as 'ring' shows them");
    *sweep = (struct request_sweep){
        .repair = repair,
        .all = all,
        .partition = (uint32_t)partition,
        .dry_run = wants_dry_run(call, arena),
    };
    call->request.kind = REQUEST_SWEEP;
    call->form = ADMIN_FORM_SWEEP;
    return HTTP_ADMIN_ASKS;
}

/* Sends the change of a type; a rehearsal ends here, where everything that can be checked was. */
static enum http_admin_outcome ask_props(struct http_admin_call *call, enum props_verb verb,
                                         struct bytes type, struct bytes overlay,
                                         struct arena *arena, struct buf *answer)
{
    if (wants_dry_run(call, arena)) {
        struct json_out out = json_out_of(answer);
        json_open(&out, '{');
        json_put_bool(&out, "done", false);
        json_close(&out, '}');
        call->status = 200;
        return HTTP_ADMIN_ANSWERED;
    }
    call->request.kind = REQUEST_SET_PROPS;
    call->request.key.type = type;
    call->request.u.props = (struct request_props){verb, overlay};
    call->form = ADMIN_FORM_DONE;
    return HTTP_ADMIN_ASKS;
}

/* Creates a type, or changes one that is there. */
static enum http_admin_outcome write_type(struct http_admin_call *call,
                                          const struct session_env *env, struct bytes name,
                                          struct arena *arena, struct buf *answer)
{
    const struct bucket_type *there =
        env->view->document == NULL ? NULL : document_type(env->view->document, name);
    bool create = call->verb == VERB_POST;
    const struct prop_fault *faults;
    struct bytes overlay;

    if (create && there != NULL && there->active)
        return say(call, answer, 409, "the type is active already: it can only be updated");
    if (!create && there == NULL)
        return say(call, answer, 404, "there is no bucket type of that name");
    if (!create && !there->active)
        return say(call, answer, 409, "the type is not active: create it anew to change it");
    if (bytes_eq(name, TYPE_DEFAULT))
        return say(call, answer, 400, "the default type cannot be changed");
    if (bytes_eq(name, BYTES_LIT("any")))
        return say(call, answer, 400, "the name any is reserved");
    if (http_props_read(arena, call->body, &overlay) != ERR_OK)
        return say(call, answer, 400, "the body must be of the form {\"props\":{...}}");
    uint32_t count = overlay_faults(arena, overlay, create ? BYTES_NONE : there->overlay,
                                    create ? TARGET_NEW_TYPE : TARGET_OLD_TYPE, true, &faults);
    if (count > 0) {
        admin_show_faults(answer, faults, count);
        call->status = 400;
        return HTTP_ADMIN_ANSWERED;
    }
    return ask_props(call, create ? PROPS_CREATE_TYPE : PROPS_SET_TYPE, name, overlay, arena,
                     answer);
}

/* bucket-types, bucket-types/NAME, bucket-types/NAME/activate */
static enum http_admin_outcome types(struct http_admin_call *call, const struct session_env *env,
                                     struct bytes rest, struct arena *arena, struct buf *answer)
{
    size_t slash = bytes_find(rest, '/', 0);
    struct bytes name = http_unquote(arena, bytes_sub(rest, 0, slash));
    struct bytes action = bytes_sub(rest, slash + 1, rest.len);
    const struct document *document = env->view->document;

    if (document == NULL)
        return say(call, answer, 503, "this node has no cluster yet");
    if (name.len > TYPE_BYTES_MAX)
        return say(call, answer, 400, "the name is too long");
    if (bytes_eq(action, BYTES_LIT("activate"))) {
        if (call->verb != VERB_POST)
            return only(call, VERB_BIT(VERB_POST));
        if (document_type(document, name) == NULL)
            return say(call, answer, 404, "there is no bucket type of that name");
        return ask_props(call, PROPS_ACTIVATE_TYPE, name, BYTES_NONE, arena, answer);
    }
    if (action.len > 0)
        return HTTP_ADMIN_NO_PATH;
    if (call->verb == VERB_POST || call->verb == VERB_PUT)
        return name.len == 0 ? say(call, answer, 400, "a bucket type needs a name")
                             : write_type(call, env, name, arena, answer);
    if (call->verb != VERB_GET && call->verb != VERB_HEAD)
        return only(call, VERB_BIT(VERB_GET) | VERB_BIT(VERB_HEAD) | VERB_BIT(VERB_POST) |
                              VERB_BIT(VERB_PUT));
    if (name.len > 0 && document_type(document, name) == NULL)
        return say(call, answer, 404, "there is no bucket type of that name");
    admin_show_types(answer, document, name, arena);
    call->status = 200;
    return HTTP_ADMIN_ANSWERED;
}

enum http_admin_outcome session_admin(struct http_admin_call *call, const struct session_env *env,
                                      struct arena *arena, struct buf *answer)
{
    static const struct {
        const char *path;
        enum admin_form form;
    } looks[] = {
        {"status", ADMIN_FORM_STATUS}, {"members", ADMIN_FORM_MEMBERS},
        {"ring", ADMIN_FORM_RING},     {"transfers", ADMIN_FORM_TRANSFERS},
        {"plan", ADMIN_FORM_PLAN},
    };
    const struct bytes prefix = BYTES_LIT("bucket-types");

    if (!call->loopback || call->has_origin)
        return say(call, answer, 403, "only from this machine, and not from a browser");
    for (size_t i = 0; i < ARRAY_LEN(looks); i++) {
        if (bytes_eq(call->path, bytes_str(looks[i].path)))
            return ask_look(call, looks[i].form);
    }
    if (bytes_eq(call->path, BYTES_LIT("aae")) || bytes_eq(call->path, BYTES_LIT("repair")))
        return ask_sweep(call, call->path.data[0] == 'r', arena, answer);
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        if (bytes_eq(call->path, bytes_str(changes[i].path)))
            return ask_change(call, &changes[i], arena, answer);
    }
    if (bytes_eq(call->path, prefix))
        return types(call, env, BYTES_NONE, arena, answer);
    if (bytes_starts(call->path, BYTES_LIT("bucket-types/")))
        return types(call, env, bytes_sub(call->path, prefix.len + 1, call->path.len), arena,
                     answer);
    return HTTP_ADMIN_NO_PATH;
}

static unsigned status_of(enum err err)
{
    if (err == ERR_NOT_FOUND || err == ERR_NO_TYPE)
        return 404;
    if (err == ERR_BAD_REQUEST || err == ERR_BAD_PROPERTY || err == ERR_MALFORMED)
        return 400;
    if (err == ERR_STALE || err == ERR_REFUSED || err == ERR_FULL || err == ERR_NOT_ACTIVE)
        return 409;
    return 503;
}

unsigned session_admin_reply(uint32_t form, const struct session_env *env,
                             const struct reply *reply, struct buf *answer)
{
    struct json_out out = json_out_of(answer);

    if (reply->kind == REPLY_ERROR) {
        json_open(&out, '{');
        json_put_string(&out, "error",
                        reply->text.len > 0 ? reply->text : bytes_str(err_name(reply->err)));
        json_put_string(&out, "kind", bytes_str(err_name(reply->err)));
        json_close(&out, '}');
        return status_of(reply->err);
    }
    if (reply->kind != REPLY_ADMIN) {
        json_open(&out, '{');
        json_put_bool(&out, "done", true);
        json_close(&out, '}');
        return 200;
    }
    ASSERT((reply->status != NULL) != (reply->sweep != NULL));
    if (reply->sweep != NULL) {
        admin_show_sweep(answer, reply->sweep);
        return 200;
    }
    admin_show(answer, (enum admin_form)form, reply->status, env);
    return 200;
}
