/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of secondary indexes as clients send them, in either protocol. A field ends in _int (an
 * integer of any size) or _bin (bytes); its name does not depend on case. What is stored is the
 * form in which Riak shows it: lower-case field, integers without leading zeros or plus sign,
 * entries sorted by field and value and none twice. */
#ifndef WIRE_INDEX_TERM_H
#define WIRE_INDEX_TERM_H

#include "base/arena.h"
#include "base/err.h"
#include "model/object.h"

/* Brings one entry into that form. ERR_BAD_REQUEST: the field is of no known kind; ERR_MALFORMED:
 * the value is no integer. The field in lower case is given back in either case. */
enum err index_term_read(struct arena *arena, struct bytes field, struct bytes value,
                         struct pair *ret_term) MUST_CHECK;

/* Sorts entries and drops doubles; returns how many are left. Integers sort by value. */
uint32_t index_terms_sort(struct pair *terms, uint32_t count);

#endif
