/* SPDX-License-Identifier: Apache-2.0 */
/* What may be set, in Riak's words. A case names what is set and what was in force as short texts:
 * "n_val=0 w=quorum datatype='set'". */
#include "base/attr.h"
#include "base/buf.h"
#include "model/overlay.h"
#include "tap.h"

static struct arena arena;

static const struct {
    const char *word;
    uint32_t number;
} symbols[] = {{"one", QUORUM_ONE},
               {"quorum", QUORUM_QUORUM},
               {"all", QUORUM_ALL},
               {"default", QUORUM_DEFAULT}};

/* true, false, a number, a quorum's word, 'a text'; anything else is JSON of the wrong kind. */
static void parse_value(struct bytes text, struct prop *prop)
{
    uint64_t number;

    if (bytes_eq(text, BYTES_LIT("true")) || bytes_eq(text, BYTES_LIT("false"))) {
        prop->kind = PROP_BOOL;
        prop->boolean = text.len == 4;
        return;
    }
    if (bytes_to_u64(text, &number)) {
        prop->kind = PROP_NUMBER;
        prop->number = (uint32_t)number;
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(symbols); i++) {
        if (bytes_eq(text, bytes_str(symbols[i].word))) {
            prop->kind = PROP_NUMBER;
            prop->number = symbols[i].number;
            return;
        }
    }
    prop->kind = text.data[0] == '\'' ? PROP_TEXT : PROP_RAW;
    prop->text = prop->kind == PROP_TEXT ? bytes_sub(text, 1, text.len - 2) : text;
}

static struct bytes overlay_of(const char *text)
{
    struct bytes rest = bytes_str(text), overlay = BYTES_NONE;
    struct prop props[32];
    uint32_t count = 0;

    while (rest.len > 0) {
        size_t end = bytes_find(rest, ' ', 0);
        struct bytes pair = bytes_sub(rest, 0, end);
        size_t is = bytes_find(pair, '=', 0);
        props[count] = (struct prop){.name = bytes_sub(pair, 0, is)};
        props[count].id = prop_find(props[count].name);
        parse_value(bytes_sub(pair, is + 1, pair.len), &props[count]);
        count++;
        rest = bytes_sub(rest, end + 1, rest.len);
    }
    CHECK_EQ(overlay_encode(&arena, props, count, &overlay), ERR_OK);
    return overlay;
}

struct rule_case {
    enum overlay_target target;
    bool created; /* of or in a type that was created, not the default one */
    const char *set;
    const char *under;
    const char *faults; /* "name: reason" each, with a bar between */
};

static void run_case(const struct rule_case *c)
{
    const struct prop_fault *faults;
    struct buf text;

    buf_init(&text, 4096);
    uint32_t count = overlay_faults(&arena, overlay_of(c->set), overlay_of(c->under), c->target,
                                    c->created, &faults);
    for (uint32_t i = 0; i < count; i++) {
        buf_put_str(&text, i == 0 ? "" : "|");
        buf_put(&text, faults[i].name);
        buf_put_str(&text, ": ");
        buf_put(&text, faults[i].reason);
        /* Sentences have a blank or a capital, Riak's atoms do not. */
        bool blank = bytes_find(faults[i].reason, ' ', 0) < faults[i].reason.len;
        CHECK_EQ(faults[i].sentence, blank);
    }
    CHECK_BYTES(text.data, text.len, c->faults, strlen(c->faults));
    if (text.len != strlen(c->faults))
        tap_note("setting %s over %s: %.*s", c->set, c->under, (int)text.len,
                 (const char *)text.data);
    buf_done(&text);
    arena_reset(&arena);
}

#define RUN(cases)                                                                                 \
    do {                                                                                           \
        for (size_t i = 0; i < ARRAY_LEN(cases); i++)                                              \
            run_case(&(cases)[i]);                                                                 \
    } while (0)

TEST(values_of_the_wrong_kind)
{
    static const struct rule_case cases[] = {
        {TARGET_BUCKET, false, "n_val=5 r=1 allow_mult=true notfound_ok=false", "", ""},
        {TARGET_BUCKET, false, "n_val=0", "", "n_val: not_integer"},
        {TARGET_BUCKET, false, "n_val=\"abc\"", "", "n_val: not_integer"},
        {TARGET_BUCKET, false, "n_val=-1", "", "n_val: not_integer"},
        {TARGET_BUCKET, false, "n_val=quorum", "", "n_val: not_integer"},
        {TARGET_BUCKET, false, "n_val=true", "", "n_val: not_integer"},
        {TARGET_BUCKET, false, "big_vclock=0 old_vclock=[] small_vclock='x' young_vclock=1", "",
         "big_vclock: not_integer|old_vclock: not_integer|small_vclock: not_integer"},
        {TARGET_BUCKET, false, "allow_mult=\"yes\"", "", "allow_mult: not_boolean"},
        {TARGET_BUCKET, false, "allow_mult=1", "", "allow_mult: not_boolean"},
        {TARGET_BUCKET, false, "basic_quorum={} last_write_wins=null notfound_ok='a'", "",
         "basic_quorum: not_boolean|last_write_wins: not_boolean|notfound_ok: not_boolean"},
        {TARGET_BUCKET, false, "dvv_enabled=\"x\"", "", "dvv_enabled: not_boolean"},
    };

    RUN(cases);
}

TEST(quorums)
{
    static const struct rule_case cases[] = {
        {TARGET_BUCKET, false, "r=one w=quorum dw=all rw=default pr=0 pw=0 node_confirms=0", "",
         ""},
        {TARGET_BUCKET, false, "dw=0", "", ""},
        {TARGET_BUCKET, false, "w=0 dw=0 rw=0", "", "rw: not_valid_quorum|w: not_valid_quorum"},
        {TARGET_BUCKET, false, "r=0", "", "r: not_valid_quorum"},
        {TARGET_BUCKET, false, "dw=\"many\" r=-1 w=1.5", "",
         "dw: not_valid_quorum|r: not_valid_quorum|w: not_valid_quorum"},
        {TARGET_BUCKET, false, "node_confirms='x' pr=true pw=[]", "",
         "node_confirms: not_valid_quorum|pr: not_valid_quorum|pw: not_valid_quorum"},
        {TARGET_BUCKET, false, "sync_on_write='all'", "", ""},
        {TARGET_BUCKET, false, "sync_on_write='never'", "", "sync_on_write: not_valid_sync_param"},
        {TARGET_BUCKET, false, "sync_on_write=1", "", "sync_on_write: not_valid_sync_param"},
    };

    RUN(cases);
}

TEST(times_to_live)
{
    static const struct rule_case cases[] = {
        {TARGET_BUCKET, false, "ttl=0", "", ""},
        {TARGET_BUCKET, false, "ttl=3600", "ttl=0", ""},
        {TARGET_NEW_TYPE, true, "ttl=2000000000", "", ""},
        {TARGET_OLD_TYPE, true, "ttl=2000000001", "", "ttl: not_valid_ttl"},
        {TARGET_BUCKET, false, "ttl=-1", "", "ttl: not_valid_ttl"},
        {TARGET_BUCKET, false, "ttl=1.5", "", "ttl: not_valid_ttl"},
        {TARGET_BUCKET, false, "ttl='1h'", "", "ttl: not_valid_ttl"},
        {TARGET_BUCKET, false, "ttl=default", "", "ttl: not_valid_ttl"},
    };

    RUN(cases);
}

TEST(names_that_may_not_be_set)
{
    static const struct rule_case cases[] = {
        {TARGET_OLD_TYPE, true, "active=false", "", "active: Cannot modify active property"},
        {TARGET_BUCKET, true, "claimant='x'", "", "claimant: Cannot update claimant property"},
        {TARGET_BUCKET, true, "name='x' whatever={} search=true repl='both'", "", ""},
    };

    RUN(cases);
}

#define LWW_TEXT "dvv_enabled: If last_write_wins is true, dvv_enabled must be false"

TEST(last_write_wins_without_dotted_vectors)
{
    static const struct rule_case cases[] = {
        {TARGET_BUCKET, false, "last_write_wins=true", "", ""},
        {TARGET_BUCKET, true, "last_write_wins=true", "", LWW_TEXT},
        {TARGET_BUCKET, true, "last_write_wins=true dvv_enabled=false", "", ""},
        {TARGET_BUCKET, true, "last_write_wins=true", "dvv_enabled=false", ""},
        {TARGET_BUCKET, true, "dvv_enabled=true", "last_write_wins=true dvv_enabled=false",
         LWW_TEXT},
        {TARGET_BUCKET, false, "dvv_enabled=true last_write_wins=true", "", LWW_TEXT},
        {TARGET_BUCKET, true, "n_val=2", "last_write_wins=true", ""},
    };

    RUN(cases);
}

#define MULT_TEXT "allow_mult: Data Type buckets must be allow_mult=true"

TEST(data_types)
{
    static const struct rule_case cases[] = {
        {TARGET_NEW_TYPE, true, "datatype='map'", "", ""},
        {TARGET_NEW_TYPE, true, "datatype='tree'", "",
         "datatype: tree not supported for bucket datatype property"},
        {TARGET_NEW_TYPE, true, "datatype='set' allow_mult=false", "", MULT_TEXT},
        {TARGET_NEW_TYPE, true, "datatype='set' allow_mult=true", "", ""},
        {TARGET_OLD_TYPE, true, "datatype='set'", "", "datatype: `datatype` must not be defined."},
        {TARGET_OLD_TYPE, true, "datatype='set'", "datatype='map'",
         "datatype: set not supported for bucket datatype property"},
        {TARGET_OLD_TYPE, true, "datatype='map' n_val=2", "datatype='map'", ""},
        {TARGET_OLD_TYPE, true, "allow_mult=false", "datatype='map'", MULT_TEXT},
        {TARGET_BUCKET, true, "datatype='set'", "datatype='map'",
         "datatype: set not supported for bucket datatype property"},
        {TARGET_BUCKET, true, "allow_mult=false", "datatype='map'", MULT_TEXT},
        {TARGET_BUCKET, false, "datatype='counter'", "", ""},
    };

    RUN(cases);
}

TEST(write_once)
{
    static const struct rule_case cases[] = {
        {TARGET_NEW_TYPE, true, "write_once=true", "", ""},
        {TARGET_NEW_TYPE, true, "write_once=true consistent=true", "",
         "write_once: Write once buckets must not be consistent=true"},
        {TARGET_NEW_TYPE, true, "write_once=true datatype='set'", "",
         "write_once: Write once buckets must not have datatype defined"},
        {TARGET_OLD_TYPE, true, "write_once=true", "",
         "write_once: Cannot set existing bucket type to `write_once`"},
        {TARGET_OLD_TYPE, true, "write_once=false", "write_once=true",
         "write_once: Cannot modify write_once property once set to true"},
        {TARGET_BUCKET, true, "write_once=false", "write_once=true",
         "write_once: Cannot modify write_once property once set to true"},
        {TARGET_OLD_TYPE, true, "write_once=true n_val=2", "write_once=true", ""},
        {TARGET_BUCKET, false, "write_once=false", "", ""},
    };

    RUN(cases);
}

TEST(consistent)
{
    static const struct rule_case cases[] = {
        {TARGET_NEW_TYPE, true, "consistent=true n_val=5", "", ""},
        {TARGET_OLD_TYPE, true, "consistent=true", "",
         "consistent: cannot update consistent property"},
        {TARGET_OLD_TYPE, true, "consistent=true", "consistent=true", ""},
        {TARGET_OLD_TYPE, true, "n_val=5", "consistent=true",
         "n_val: n_val cannot be modified for existing consistent type"},
        {TARGET_BUCKET, true, "n_val=4", "consistent=true n_val=5",
         "n_val: n_val cannot be modified for existing consistent type"},
        {TARGET_OLD_TYPE, true, "n_val=3", "consistent=true", ""},
        {TARGET_OLD_TYPE, true, "n_val=5 r=1", "consistent=true n_val=5", ""},
        {TARGET_OLD_TYPE, true, "n_val=5", "consistent=false", ""},
    };

    RUN(cases);
}

#define PRECISION_TEXT                                                                             \
    " not supported for Hyperloglog precision property for bucket type. Precision must be an "     \
    "integer between 4 and 16, inclusive (3 < p < 17) and precision can be reduced but never "     \
    "increased after initial setting"

TEST(precision)
{
    static const struct rule_case cases[] = {
        {TARGET_NEW_TYPE, true, "datatype='hll' hll_precision=16", "", ""},
        {TARGET_NEW_TYPE, true, "datatype='hll' hll_precision=17", "",
         "hll_precision: 17" PRECISION_TEXT},
        {TARGET_NEW_TYPE, true, "datatype='hll' hll_precision=3", "",
         "hll_precision: 3" PRECISION_TEXT},
        {TARGET_NEW_TYPE, true, "datatype='hll' hll_precision='x'", "",
         "hll_precision: x" PRECISION_TEXT},
        {TARGET_OLD_TYPE, true, "hll_precision=15", "datatype='hll'",
         "hll_precision: 15" PRECISION_TEXT},
        {TARGET_OLD_TYPE, true, "hll_precision=13", "datatype='hll'", ""},
        {TARGET_BUCKET, true, "hll_precision=13", "datatype='hll' hll_precision=12",
         "hll_precision: 13" PRECISION_TEXT},
        {TARGET_OLD_TYPE, true, "hll_precision=99", "", ""},
        {TARGET_OLD_TYPE, true, "hll_precision=99", "datatype='set'", ""},
    };

    RUN(cases);
}

TEST(what_is_no_overlay)
{
    const struct prop_fault *faults;

    CHECK_EQ(overlay_faults(&arena, BYTES_LIT("?"), BYTES_NONE, TARGET_BUCKET, false, &faults), 1);
    CHECK(bytes_eq(faults[0].reason, BYTES_LIT("malformed")));
    arena_reset(&arena);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(values_of_the_wrong_kind),
        T(quorums),
        T(times_to_live),
        T(names_that_may_not_be_set),
        T(last_write_wins_without_dotted_vectors),
        T(data_types),
        T(write_once),
        T(consistent),
        T(precision),
        T(what_is_no_overlay),
    };

    arena_init(&arena);
    int status = tap_main(argc, argv, tests);
    arena_done(&arena);
    return status;
}
