/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/http_accept.h"

#include "base/check.h"

enum { WEIGHT_ONE = 1000 }; /* a quality in thousandths */

/* The next element of a list at `*at`, which moves behind it; false at the end. Commas in quoted
 * text do not occur in the headers read here. */
static bool next_element(struct bytes list, size_t *at, struct bytes *ret_element)
{
    while (*at < list.len) {
        size_t end = bytes_find(list, ',', *at);
        struct bytes element = bytes_trim(bytes_sub(list, *at, end - *at));
        *at = end + 1;
        if (element.len > 0) {
            *ret_element = element;
            return true;
        }
    }
    return false;
}

/* 0 to 1 with at most three decimals, in thousandths; what is none counts as 1. */
static unsigned read_weight(struct bytes text)
{
    unsigned weight = 0;
    unsigned unit = WEIGHT_ONE;

    if (text.len == 0 || (text.data[0] != '0' && text.data[0] != '1'))
        return WEIGHT_ONE;
    if (text.data[0] == '1' || text.len == 1 || text.data[1] != '.')
        return text.data[0] == '1' ? WEIGHT_ONE : 0;
    for (size_t i = 2; i < text.len && i < 5; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            break;
        unit /= 10;
        weight += unit * (unsigned)(text.data[i] - '0');
    }
    ASSERT(weight <= WEIGHT_ONE);
    return weight;
}

/* Cuts "name;a=b;q=0.5" into the name and the quality. */
static struct bytes read_element(struct bytes element, unsigned *ret_weight)
{
    size_t semicolon = bytes_find(element, ';', 0);

    *ret_weight = WEIGHT_ONE;
    for (size_t at = semicolon + 1; at < element.len;) {
        size_t end = bytes_find(element, ';', at);
        struct bytes param = bytes_trim(bytes_sub(element, at, end - at));
        if (param.len > 2 && bytes_eq_nocase(bytes_sub(param, 0, 2), BYTES_LIT("q=")))
            *ret_weight = read_weight(bytes_sub(param, 2, param.len));
        at = end + 1;
    }
    return bytes_trim(bytes_sub(element, 0, semicolon));
}

/* Whether a range such as "text" + "/" + "*" takes in a type. */
static bool range_holds(struct bytes range, struct bytes type)
{
    if (bytes_eq(range, BYTES_LIT("*/*")) || bytes_eq(range, BYTES_LIT("*")))
        return true;
    size_t slash = bytes_find(range, '/', 0);
    if (slash + 2 == range.len && range.data[slash + 1] == '*')
        return bytes_eq_nocase(bytes_sub(type, 0, slash + 1), bytes_sub(range, 0, slash + 1));
    return bytes_eq_nocase(range, type);
}

int http_accept_choose(struct bytes accept, const struct bytes *offered, int offered_count)
{
    unsigned best = 0;
    int choice = -1;
    struct bytes element;

    ASSERT(offered_count > 0);
    for (size_t at = 0; next_element(accept, &at, &element);) {
        unsigned weight;
        struct bytes range = read_element(element, &weight);
        for (int i = 0; i < offered_count && weight > best; i++) {
            struct bytes type = bytes_sub(offered[i], 0, bytes_find(offered[i], ';', 0));
            if (range_holds(range, type)) {
                best = weight;
                choice = i;
            }
        }
    }
    return choice;
}

int http_accept_type(const struct http_request *request, struct arena *arena,
                     const struct bytes *offered, int offered_count)
{
    struct bytes accept;

    if (!http_header_joined(request, arena, BYTES_LIT("accept"), &accept) || accept.len == 0)
        return 0;
    return http_accept_choose(accept, offered, offered_count);
}

bool http_accepts_gzip(const struct http_request *request, struct arena *arena)
{
    struct bytes accept, element;
    unsigned gzip = 0;
    unsigned identity = 1; /* less than any quality that a client names */

    if (!http_header_joined(request, arena, BYTES_LIT("accept-encoding"), &accept))
        return false;
    for (size_t at = 0; next_element(accept, &at, &element);) {
        unsigned weight;
        struct bytes name = read_element(element, &weight);
        if (bytes_eq_nocase(name, BYTES_LIT("gzip")) || bytes_eq_nocase(name, BYTES_LIT("x-gzip")))
            gzip = weight;
        else if (bytes_eq_nocase(name, BYTES_LIT("identity")))
            identity = weight;
    }
    return gzip > 0 && gzip >= identity;
}

bool http_media_type(struct bytes header, struct bytes *ret_type, struct bytes *ret_charset)
{
    size_t semicolon = bytes_find(header, ';', 0);
    struct bytes type = bytes_trim(bytes_sub(header, 0, semicolon));
    size_t slash = bytes_find(type, '/', 0);
    struct bytes charset = BYTES_NONE;

    if (slash == 0 || slash + 1 >= type.len || bytes_find(type, '/', slash + 1) != type.len)
        return false;
    for (size_t at = semicolon + 1; at < header.len;) {
        size_t end = bytes_find(header, ';', at);
        struct bytes param = bytes_trim(bytes_sub(header, at, end - at));
        size_t equals = bytes_find(param, '=', 0);
        if (bytes_eq_nocase(bytes_sub(param, 0, equals), BYTES_LIT("charset")) &&
            equals < param.len && charset.data == NULL)
            charset = bytes_of(param.data + equals + 1, param.len - equals - 1);
        at = end + 1;
    }
    *ret_type = type;
    *ret_charset = charset;
    return true;
}
