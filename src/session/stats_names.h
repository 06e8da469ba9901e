/* SPDX-License-Identifier: Apache-2.0 */
/* The names of Riak's statistics that have no measure here. */
#ifndef SESSION_STATS_NAMES_H
#define SESSION_STATS_NAMES_H

#include <stddef.h>

struct stats_names {
    const char *const *names;
    size_t count;
};

struct stats_names stats_zeros(void);        /* one name each */
struct stats_names stats_pairs(void);        /* and the same with _total */
struct stats_names stats_series(void);       /* _mean, _median, _95, _99, _100 */
struct stats_names stats_pools(void);        /* worker pools */
struct stats_names stats_riak_parts(void);   /* parts of Riak: NAME_version is Riak's */
struct stats_names stats_erlang_parts(void); /* parts of Erlang */

#endif
