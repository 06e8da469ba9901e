/* SPDX-License-Identifier: Apache-2.0 */
/* The founding: what a node is before it has heard of any other. */
#include "base/check.h"
#include "cluster/cluster_int.h"
#include "model/draft.h"
#include "model/overlay.h"
#include "record/document.h"

enum { REPLICAS_ORDINARY = 3 };

struct default_props {
    struct prop list[16];
    uint32_t count;
};

static void put_number(struct default_props *props, enum prop_id id, uint32_t value, uint32_t usual)
{
    ASSERT(props->count < ARRAY_LEN(props->list));
    if (value != usual)
        props->list[props->count++] = (struct prop){.id = id, .kind = PROP_NUMBER, .number = value};
}

static void put_switch(struct default_props *props, enum prop_id id, bool value, bool usual)
{
    ASSERT(props->count < ARRAY_LEN(props->list));
    if (value != usual)
        props->list[props->count++] = (struct prop){.id = id, .kind = PROP_BOOL, .boolean = value};
}

/* What the configuration says about buckets of the default type, where it differs. From then on the
 * document says it. */
static void put_default_props(const struct config *config, struct document *draft)
{
    struct props usual = props_default(false);
    struct default_props props = {.count = 0};
    struct bytes overlay;

    put_number(&props, PROP_N_VAL, config->n_val_default, usual.n_val);
    put_number(&props, PROP_R, config->r_default, usual.r);
    put_number(&props, PROP_W, config->w_default, usual.w);
    put_number(&props, PROP_PR, config->pr_default, usual.pr);
    put_number(&props, PROP_PW, config->pw_default, usual.pw);
    put_number(&props, PROP_DW, config->dw_default, usual.dw);
    put_number(&props, PROP_RW, config->rw_default, usual.rw);
    put_switch(&props, PROP_ALLOW_MULT, config->allow_mult_default, usual.allow_mult);
    put_switch(&props, PROP_NOTFOUND_OK, config->notfound_ok_default, usual.notfound_ok);
    put_switch(&props, PROP_BASIC_QUORUM, config->basic_quorum_default, usual.basic_quorum);
    put_switch(&props, PROP_LAST_WRITE_WINS, config->last_write_wins_default,
               usual.last_write_wins);
    if (props.count == 0)
        return;
    enum err err = overlay_encode(&draft->arena, props.list, props.count, &overlay);
    ASSERT(err == ERR_OK);
    err = draft_set_type(draft, TYPE_DEFAULT, true, overlay);
    ASSERT(err == ERR_OK);
}

void cluster_found(struct cluster *c)
{
    uint64_t id[2] = {random_u64(&c->random) | 1, random_u64(&c->random)};
    uint64_t key[2] = {random_u64(&c->random), random_u64(&c->random)};
    uint32_t n = c->config->n_val_default;

    c->self = random_u64(&c->random) | 1;
    struct member self = {
        .id = c->self,
        .name = text_bytes(&c->name),
        .address = text_bytes(&c->address),
        .location = c->config->location,
        .weight = c->config->weight,
        .state = MEMBER_VALID,
    };
    n = n < REPLICAS_ORDINARY ? REPLICAS_ORDINARY : n > REPLICAS_MAX ? REPLICAS_MAX : n;
    struct document *draft = draft_first(id, key, &self, c->config->slots, c->config->ring_size, n);
    put_default_props(c->config, draft);
    document_seal(draft);
    ASSERT(draft->members[0].votes);
    acceptor_init(&c->acceptor, draft->epoch + 1, true);
    chain_add(&c->chain, draft);
}
