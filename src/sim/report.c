/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/report.h"

#include "base/mem.h"

struct report {
    uint64_t runs;
    uint64_t virtual_us;
    struct tally_of_run sum;
};

struct report *report_new(void)
{
    return mem_new(sizeof(struct report));
}

void report_free(struct report *report)
{
    mem_free(report);
}

void report_add(struct report *report, const struct run_result *result)
{
    const struct tally_of_run *from = &result->tally;
    struct tally_of_run *to = &report->sum;

    report->runs++;
    report->virtual_us += result->virtual_us;
    for (unsigned i = 0; i < TRACE_KINDS; i++)
        to->traces[i] += from->traces[i];
    to->crashes += from->crashes;
    to->restarts += from->restarts;
    to->pauses += from->pauses;
    to->long_pauses += from->long_pauses;
    to->jumps += from->jumps;
    to->cuts += from->cuts;
    to->corruptions += from->corruptions;
    to->full += from->full;
    to->full_writes += from->full_writes;
    to->eio += from->eio;
    to->clogs += from->clogs;
    to->lost += from->lost;
    to->duplicated += from->duplicated;
    to->reordered += from->reordered;
    to->acknowledged += from->acknowledged;
    to->reads += from->reads;
    to->unknown += from->unknown;
    to->refused += from->refused;
    to->lost_unsynced += from->lost_unsynced;
    to->stops += from->stops;
    to->stalls += from->stalls;
    to->listings += from->listings;
    to->settings += from->settings;
    to->vanished += from->vanished;
    to->given_up += from->given_up;
    to->writable += from->writable;
    to->joined += from->joined;
    to->committed += from->committed;
    to->commits_refused += from->commits_refused;
    to->meddled += from->meddled;
    to->opened += from->opened;
    to->news_lost += from->news_lost;
    to->silent += from->silent;
    to->events += from->events;
}

struct line {
    const char *name;
    uint64_t count;
};

enum { REPORT_LINES = 62 };

static void lines_of(const struct report *report, struct line lines[REPORT_LINES])
{
    const struct tally_of_run *t = &report->sum;
    const struct line all[REPORT_LINES] = {
        {"writes acknowledged", t->acknowledged},
        {"writes unknown", t->unknown},
        {"writes refused", t->refused},
        {"reads", t->reads},
        {"listings", t->listings},
        {"settings", t->settings},
        {"clients that vanished", t->vanished},
        {"clients that gave up", t->given_up},
        {"outputs drained", t->writable},
        {"crashes", t->crashes},
        {"restarts", t->restarts},
        {"clean stops", t->stops},
        {"pauses", t->pauses},
        {"pauses of minutes", t->long_pauses},
        {"jumps of clocks", t->jumps},
        {"cuts", t->cuts},
        {"clogs", t->clogs},
        {"rotten rows", t->corruptions},
        {"full disks", t->full},
        {"writes refused for room", t->traces[TRACE_DISK_REFUSED]},
        {"deletes at full disks", t->full_writes},
        {"disks with room again", t->traces[TRACE_DISK_ROOM]},
        {"failing disks", t->eio},
        {"stalled disks", t->stalls},
        {"commits lost unsynced", t->lost_unsynced},
        {"messages lost", t->lost},
        {"messages duplicated", t->duplicated},
        {"messages reordered", t->reordered},
        {"siblings", t->traces[TRACE_SIBLINGS]},
        {"resolved", t->traces[TRACE_RESOLVED]},
        {"forwards", t->traces[TRACE_FORWARD]},
        {"read repairs", t->traces[TRACE_READ_REPAIR]},
        {"hot keys", t->traces[TRACE_HOT]},
        {"quarantines", t->traces[TRACE_CORRUPT_ROW]},
        {"refetches", t->traces[TRACE_REFETCHED]},
        {"failed commits", t->traces[TRACE_COMMIT_FAILED]},
        {"leases waited for", t->traces[TRACE_LEASE_WAIT]},
        {"nodes seen down", t->traces[TRACE_NODE_DOWN]},
        {"nodes seen up", t->traces[TRACE_NODE_UP]},
        {"late answers", t->traces[TRACE_STALE_REPLY]},
        {"joins asked", t->joined},
        {"nodes that joined", t->traces[TRACE_JOINED]},
        {"plans committed", t->committed},
        {"plans refused", t->commits_refused},
        {"acts of meddlers", t->meddled},
        {"buckets opened late", t->opened},
        {"news kept from nodes", t->news_lost},
        {"members without a vote", t->silent},
        {"ballots lost", t->traces[TRACE_BALLOT_CONFLICT]},
        {"new epochs", t->traces[TRACE_EPOCH]},
        {"hints kept", t->traces[TRACE_HINT_KEPT]},
        {"hints handed over", t->traces[TRACE_HINT_GIVEN]},
        {"hints given to others", t->traces[TRACE_HINT_MOVED]},
        {"hints lost", t->traces[TRACE_HINT_LOST]},
        {"writes by fallbacks", t->traces[TRACE_FALLBACK_WRITE]},
        {"nodes told what they lack", t->traces[TRACE_LACKS]},
        {"comparisons", t->traces[TRACE_EXCHANGE]},
        {"differences made up", t->traces[TRACE_EXCHANGE_MOVED]},
        {"differences left", t->traces[TRACE_EXCHANGE_LEFT]},
        {"expired values hidden", t->traces[TRACE_EXPIRED_HIDDEN]},
        {"expired rows removed", t->traces[TRACE_EXPIRED_REMOVED]},
        {"requests refused early", t->traces[TRACE_OVERLOAD]},
    };

    memcpy(lines, all, sizeof(all));
}

void report_print(const struct report *report, FILE *to)
{
    struct line lines[REPORT_LINES];

    lines_of(report, lines);
    fprintf(to, "%llu runs, %llu virtual seconds, %llu events\n", (unsigned long long)report->runs,
            (unsigned long long)(report->virtual_us / 1000000),
            (unsigned long long)report->sum.events);
    for (unsigned i = 0; i < REPORT_LINES; i++)
        fprintf(to, "  %-22s %llu\n", lines[i].name, (unsigned long long)lines[i].count);
}

bool report_complete(const struct report *report, FILE *to)
{
    struct line lines[REPORT_LINES];
    bool complete = true;

    lines_of(report, lines);
    for (unsigned i = 0; i < REPORT_LINES; i++) {
        if (lines[i].count > 0)
            continue;
        complete = false;
        fprintf(to, "never met: %s\n", lines[i].name);
    }
    return complete;
}
