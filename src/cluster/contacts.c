/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/contacts.h"

#include "base/check.h"
#include "base/mem.h"
#include "cluster/cluster_int.h"

enum { CONTACTS_FIRST = 8 };

bool text_set(struct text *text, struct bytes bytes)
{
    if (bytes.len > NAME_BYTES_MAX)
        return false;
    text->len = (uint8_t)bytes.len;
    if (bytes.len > 0)
        memcpy(text->data, bytes.data, bytes.len);
    return true;
}

void contacts_done(struct contacts *contacts)
{
    mem_free(contacts->table);
    *contacts = (struct contacts){.count = 0};
}

static struct contact *find(struct contacts *contacts, uint64_t node)
{
    for (uint32_t i = 0; i < contacts->count; i++) {
        if (contacts->table[i].node == node)
            return &contacts->table[i];
    }
    return NULL;
}

const struct contact *contacts_find(const struct contacts *contacts, uint64_t node)
{
    for (uint32_t i = 0; i < contacts->count; i++) {
        if (contacts->table[i].node == node)
            return &contacts->table[i];
    }
    return NULL;
}

bool contacts_is_up(const struct contacts *contacts, uint64_t node)
{
    const struct contact *contact = contacts_find(contacts, node);

    return contact != NULL && contact->up;
}

const struct contact *contacts_at(const struct contacts *contacts, struct bytes address)
{
    for (uint32_t i = 0; i < contacts->count; i++) {
        const struct contact *contact = &contacts->table[i];
        if (contact->up && (bytes_eq(text_bytes(&contact->address), address) ||
                            bytes_eq(text_bytes(&contact->at), address)))
            return contact;
    }
    return NULL;
}

static void drop(struct contacts *contacts, struct contact *contact)
{
    ASSERT(!contact->up);
    ASSERT(!contact->wanted);
    ASSERT(contacts->count > 0);
    *contact = contacts->table[--contacts->count];
}

/* NULL when the table is full of nodes that are connected or wanted. */
static struct contact *make(struct contacts *contacts, uint64_t node)
{
    struct contact *contact = find(contacts, node);

    ASSERT(node != 0);
    if (contact != NULL)
        return contact;
    if (contacts->count == CONTACTS_MAX)
        return NULL;
    if (contacts->count == contacts->room) {
        contacts->room = contacts->room == 0 ? CONTACTS_FIRST : 2 * contacts->room;
        contacts->table = mem_resize(contacts->table, contacts->room * sizeof(contacts->table[0]));
    }
    contact = &contacts->table[contacts->count++];
    memset(contact, 0, sizeof(*contact));
    contact->node = node;
    return contact;
}

void contacts_up(struct contacts *contacts, const struct event_link *link)
{
    struct contact *contact = make(contacts, link->node);

    if (contact == NULL)
        return;
    contact->up = true;
    (void)text_set(&contact->name, link->hello.name);
    (void)text_set(&contact->address, link->hello.address);
    if (link->dialed.len > 0 && !contact->wanted)
        (void)text_set(&contact->at, link->dialed);
    memcpy(contact->cluster, link->hello.cluster, sizeof(contact->cluster));
    contact->lineage = link->hello.lineage;
    contact->epoch = link->hello.epoch;
}

void contacts_down(struct contacts *contacts, uint64_t node)
{
    struct contact *contact = find(contacts, node);

    if (contact == NULL)
        return;
    contact->up = false;
    if (!contact->wanted)
        drop(contacts, contact);
}

/* ---- who is wanted ---- */

static void want(struct cluster *c, uint64_t node, struct bytes address, struct outbox *out)
{
    struct contact *contact = node == c->self || address.len == 0 ? NULL : make(&c->contacts, node);

    if (contact == NULL)
        return;
    if (contact->wanted && bytes_eq(text_bytes(&contact->at), address))
        return;
    contact->wanted = text_set(&contact->at, address);
    struct output *output = outbox_add(out, OUT_PEER);
    output->u.peer.node = node;
    output->u.peer.address = arena_copy(&out->arena, address);
}

static void want_members(struct cluster *c, const struct document *document, struct outbox *out)
{
    for (uint32_t i = 0; i < document->members_count; i++) {
        if (member_serves(&document->members[i]))
            want(c, document->members[i].id, document->members[i].address, out);
    }
}

static bool names(const struct document *document, uint64_t node)
{
    int at = document == NULL ? -1 : document_member(document, node);

    return at >= 0 && member_serves(&document->members[at]);
}

/* A node that has left stays in touch until it knows that the others can do without it. */
static bool needs_members(const struct cluster *c)
{
    return cluster_is_member(c, c->self) || c->active < cluster_document(c)->epoch;
}

static bool is_wanted(const struct cluster *c, const struct document *theirs, uint64_t node)
{
    if ((needs_members(c) && cluster_is_member(c, node)) || staging_join(&c->staging, node) != NULL)
        return true;
    if (c->joiner.state >= JOINER_ASK && c->joiner.peer == node)
        return true;
    return names(theirs, node);
}

static void unwant_others(struct cluster *c, const struct document *theirs, struct outbox *out)
{
    for (uint32_t i = 0; i < c->contacts.count;) {
        struct contact *contact = &c->contacts.table[i];
        if (!contact->wanted || is_wanted(c, theirs, contact->node)) {
            i++;
            continue;
        }
        contact->wanted = false;
        outbox_add(out, OUT_PEER)->u.peer.node = contact->node;
        if (contact->up)
            i++;
        else
            drop(&c->contacts, contact);
    }
}

void contacts_wish(struct cluster *c, struct outbox *out)
{
    const struct document *own = cluster_document(c);
    const struct document *theirs = c->joiner.document;
    bool listed = names(theirs, c->joiner.peer);

    if (needs_members(c))
        want_members(c, own, out);
    for (uint32_t i = 0; i < c->staging.count; i++) {
        const struct intent *intent = &c->staging.intents[i];
        if (intent->kind == INTENT_JOIN && staging_counts(&c->staging, i))
            want(c, intent->node, intent->address, out);
    }
    /* Where the operator said, until it is known what the member itself says. */
    if (c->joiner.state >= JOINER_ASK && !listed)
        want(c, c->joiner.peer, text_bytes(&c->joiner.address), out);
    if (theirs != NULL)
        want_members(c, theirs, out);
    unwant_others(c, theirs, out);
}
