/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/index_term.h"

#include "base/check.h"

static bool ends_with(struct bytes text, const char *end)
{
    struct bytes tail = bytes_str(end);

    return text.len > tail.len && bytes_eq(bytes_sub(text, text.len - tail.len, tail.len), tail);
}

static struct bytes lower_case(struct arena *arena, struct bytes text)
{
    uint8_t *lower = arena_alloc(arena, text.len + 1);

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
    }
    return bytes_of(lower, text.len);
}

/* The shortest text of an integer of any size; false when it is none. */
static bool shortest_integer(struct arena *arena, struct bytes text, struct bytes *ret_text)
{
    bool minus = bytes_starts(text, BYTES_LIT("-"));
    bool plus = bytes_starts(text, BYTES_LIT("+"));
    struct bytes digits = bytes_sub(text, minus || plus ? 1 : 0, text.len);

    if (digits.len == 0)
        return false;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return false;
    }
    while (digits.len > 1 && digits.data[0] == '0')
        digits = bytes_sub(digits, 1, digits.len);
    if (!minus || bytes_eq(digits, BYTES_LIT("0"))) {
        *ret_text = digits;
        return true;
    }
    uint8_t *signed_text = arena_alloc(arena, digits.len + 1);
    signed_text[0] = '-';
    memcpy(signed_text + 1, digits.data, digits.len);
    *ret_text = bytes_of(signed_text, digits.len + 1);
    return true;
}

enum err index_term_read(struct arena *arena, struct bytes field, struct bytes value,
                         struct pair *ret_term)
{
    ret_term->name = lower_case(arena, field);
    ret_term->value = value;
    if (ends_with(ret_term->name, "_bin"))
        return ERR_OK;
    if (!ends_with(ret_term->name, "_int"))
        return ERR_BAD_REQUEST;
    return shortest_integer(arena, value, &ret_term->value) ? ERR_OK : ERR_MALFORMED;
}

/* The order of two integers in their shortest form. */
static int integer_cmp(struct bytes a, struct bytes b)
{
    bool a_minus = bytes_starts(a, BYTES_LIT("-"));
    bool b_minus = bytes_starts(b, BYTES_LIT("-"));

    if (a_minus != b_minus)
        return a_minus ? -1 : 1;
    int order = a.len != b.len ? (a.len < b.len ? -1 : 1) : bytes_cmp(a, b);
    return a_minus ? -order : order;
}

static int term_cmp(const struct pair *a, const struct pair *b)
{
    int order = bytes_cmp(a->name, b->name);

    if (order != 0)
        return order;
    return ends_with(a->name, "_int") ? integer_cmp(a->value, b->value)
                                      : bytes_cmp(a->value, b->value);
}

/* Moves the term at `at` down to its place among the `count` of a heap, greatest first. */
static void sift(struct pair *terms, uint32_t at, uint32_t count)
{
    for (uint32_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && term_cmp(&terms[child], &terms[child + 1]) < 0)
            child++;
        if (term_cmp(&terms[at], &terms[child]) >= 0)
            return;
        struct pair higher = terms[child];
        terms[child] = terms[at];
        terms[at] = higher;
        at = child;
    }
}

uint32_t index_terms_sort(struct pair *terms, uint32_t count)
{
    uint32_t kept = 0;

    for (uint32_t i = count / 2; i > 0; i--)
        sift(terms, i - 1, count);
    for (uint32_t left = count; left > 1; left--) {
        struct pair greatest = terms[0];
        terms[0] = terms[left - 1];
        terms[left - 1] = greatest;
        sift(terms, 0, left - 1);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (kept > 0 && term_cmp(&terms[kept - 1], &terms[i]) == 0)
            continue;
        terms[kept++] = terms[i];
    }
    ASSERT(kept <= count);
    return kept;
}
