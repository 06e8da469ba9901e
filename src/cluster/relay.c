/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/relay.h"

#include "base/check.h"
#include "base/encode.h"
#include "cluster/cluster_int.h"

static void drop(struct relays *relays, uint32_t at)
{
    ASSERT(at < relays->count);
    relays->table[at] = relays->table[--relays->count];
}

/* `commit` without a plan means the one that was shown here, which the other end cannot know. */
static struct bytes shown(const struct cluster *c, struct outbox *out)
{
    uint8_t id[8];
    struct buf buf;

    for (unsigned i = 0; i < sizeof(id); i++)
        id[i] = (uint8_t)(c->shown_plan >> (56 - 8 * i));
    buf_init(&buf, 2 * sizeof(id));
    hex_put(&buf, bytes_of(id, sizeof(id)));
    struct bytes text = arena_copy(&out->arena, buf_bytes(&buf));
    buf_done(&buf);
    return text;
}

void relay_ask(struct cluster *c, struct asker asker, const struct admin_request *request,
               const struct event *ev, struct outbox *out)
{
    struct relays *relays = &c->relays;
    uint64_t whom = join_whom(c);

    if (whom == 0) {
        admin_refuse(
            c, asker, ERR_UNREACHABLE,
            BYTES_LIT("no member of the cluster that this node waits to join can be reached"), out);
        return;
    }
    if (relays->count == RELAYS_MAX) {
        admin_refuse(c, asker, ERR_OVERLOAD, BYTES_LIT("too many requests are waiting"), out);
        return;
    }
    struct peer_cluster *msg = join_say(c, whom, TALK_ADMIN, out);
    msg->u.admin.seq = ++relays->seq;
    msg->u.admin.request = *request;
    if (request->verb == ADMIN_COMMIT && request->target.len == 0 && c->shown_plan != 0)
        msg->u.admin.request.target = shown(c, out);
    relays->table[relays->count++] =
        (struct relay){relays->seq, asker, ev->mono_us + cluster_wait_us(c, RELAY_WAITS)};
}

void relay_on_answer(struct cluster *c, const struct talk_admin_answer *m, struct outbox *out)
{
    struct relays *relays = &c->relays;

    for (uint32_t i = 0; i < relays->count; i++) {
        struct asker asker = relays->table[i].asker;
        if (relays->table[i].seq != m->seq)
            continue;
        drop(relays, i);
        if (m->err != ERR_OK) {
            admin_refuse(c, asker, m->err, m->text, out);
            return;
        }
        if (m->status->plan.id != 0)
            c->shown_plan = m->status->plan.id;
        struct reply *reply = outbox_reply(out, asker, REPLY_ADMIN);
        reply->status = m->status;
        return;
    }
}

void relay_tick(struct cluster *c, const struct event *ev, struct outbox *out)
{
    struct relays *relays = &c->relays;

    for (uint32_t i = 0; i < relays->count;) {
        struct asker asker = relays->table[i].asker;
        if (relays->table[i].deadline_us > ev->mono_us) {
            i++;
            continue;
        }
        drop(relays, i);
        admin_refuse(c, asker, ERR_TIMEOUT, BYTES_LIT("the member that was asked did not answer"),
                     out);
    }
}

uint64_t relay_deadline_us(const struct relays *relays)
{
    uint64_t at = UINT64_MAX;

    for (uint32_t i = 0; i < relays->count; i++) {
        if (relays->table[i].deadline_us < at)
            at = relays->table[i].deadline_us;
    }
    return at;
}
