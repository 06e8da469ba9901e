/* SPDX-License-Identifier: Apache-2.0 */
/* Every option once: CONFIG_LIST is the source of the fields of struct config, of the parser and
 * its words, and of the manual's page. An option is written in riak.conf's syntax and, where it
 * means the same, has Riak's name.
 *
 * Invariants: every field that was set by name is within the range of its row; a call that failed
 * has changed nothing, except config_parse, which says how far it came. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/* What a value is. For texts the range counts bytes; one that may have none may be left empty. */
enum config_kind {
    CONFIG_NUMBER,
    CONFIG_POWER,     /* a power of two */
    CONFIG_SIZE,      /* bytes: 512, 8KB, 4MB, 1GB */
    CONFIG_SPACE,     /* of a disk: a size, or a share of it: 5% */
    CONFIG_TIME,      /* milliseconds: 500ms, 10s, 5m, 1h, 1d, 1w, 1h30m */
    CONFIG_SWITCH,    /* on, off, true, false */
    CONFIG_QUORUM,    /* a number, or one, quorum, all: CONFIG_QUORUM_* */
    CONFIG_LEVEL,     /* debug, info, warning, error */
    CONFIG_NAME,      /* a text without blanks */
    CONFIG_TEXT,      /* a text */
    CONFIG_ADDRESS,   /* HOST:PORT */
    CONFIG_ADDRESSES, /* several of them, with commas between: config_next_address */
};

/* The fields' types. */
#define CONFIG_TYPE_NUMBER    uint32_t
#define CONFIG_TYPE_POWER     uint32_t
#define CONFIG_TYPE_SIZE      uint64_t
#define CONFIG_TYPE_SPACE     uint64_t
#define CONFIG_TYPE_TIME      uint32_t
#define CONFIG_TYPE_SWITCH    bool
#define CONFIG_TYPE_QUORUM    uint32_t
#define CONFIG_TYPE_LEVEL     struct bytes
#define CONFIG_TYPE_NAME      struct bytes
#define CONFIG_TYPE_TEXT      struct bytes
#define CONFIG_TYPE_ADDRESS   struct bytes
#define CONFIG_TYPE_ADDRESSES struct bytes

/* The numbers of the words; the same as in model/props.h. */
#define CONFIG_QUORUM_ONE    UINT32_C(0xfffffffe)
#define CONFIG_QUORUM_QUORUM UINT32_C(0xfffffffd)
#define CONFIG_QUORUM_ALL    UINT32_C(0xfffffffc)

/* A share of a disk, in percent, stands above all sizes. */
#define CONFIG_SPACE_SHARE       (UINT64_C(1) << 63)
#define CONFIG_SPACE_PERCENT_MAX UINT64_C(50)

/* Whether a changed value takes effect in a process that runs. */
enum config_change { CONFIG_AT_START, CONFIG_LIVE };

/* clang-format off */
/* X(kind, field, name, default, least, most, change, help) */
#define CONFIG_LIST(X)                                                                             \
    X(NAME, node_name, "nodename", "dassie@127.0.0.1", 1, 255, AT_START,                           \
      "The name of this node in its cluster. It belongs to the data directory: once data is "      \
      "there, another name is refused.")                                                           \
    X(ADDRESSES, listen_pb, "listener.protobuf.internal", "127.0.0.1:8087", 0, 1024, AT_START,     \
      "Where clients reach this node by Protocol Buffers. Empty: nowhere.")                        \
    X(ADDRESSES, listen_http, "listener.http.internal", "127.0.0.1:8098", 0, 1024, AT_START,       \
      "Where clients reach this node by HTTP. Empty: nowhere.")                                    \
    X(ADDRESS, listen_peer, "listener.peer", "127.0.0.1:8099", 1, 255, AT_START,                   \
      "Where the other nodes of the cluster reach this node. An address that other machines can "  \
      "reach needs cluster.secret_file.")                                                          \
    X(ADDRESS, listen_admin, "admin.listener", "", 0, 255, AT_START,                               \
      "Where operators on other machines reach this node by HTTP. Empty: the administrative "      \
      "interface answers clients on the same machine only, at listener.http.internal.")            \
    X(TEXT, data_dir, "platform_data_dir", "dassie-data", 1, 1024, AT_START,                       \
      "The directory of this node's data.")                                                        \
    X(TEXT, secret_file, "cluster.secret_file", "", 0, 1024, AT_START,                             \
      "A file with the secret by which the nodes of a cluster know each other, readable by its "   \
      "owner only. Empty: there is none.")                                                         \
    X(LEVEL, log_level, "log.console.level", "info", 1, 16, LIVE,                                  \
      "The least severe lines that are logged.")                                                   \
    X(TEXT, location, "node.location", "", 0, 255, AT_START,                                       \
      "Where this node is: a rack, a room. Replicas are spread over locations. Used when the "     \
      "node makes or joins a cluster.")                                                            \
    X(NUMBER, weight, "node.weight", "100", 0, 1000000, AT_START,                                  \
      "This node's share of the data, beside the weights of the others. Used when the node makes " \
      "or joins a cluster.")                                                                       \
    X(POWER, ring_size, "ring_size", "64", 8, 4096, AT_START,                                      \
      "Partitions of a new cluster; at most as many as slots.")                                    \
    X(POWER, slots, "slots", "1024", 64, 4096, AT_START,                                           \
      "Slots of a new cluster: the most partitions that it can ever have.")                        \
    X(SIZE, object_bytes_max, "object.size.maximum", "50MB", 1024, 50 << 20, LIVE,                 \
      "A write that would make an object larger is refused.")                                      \
    X(SIZE, object_bytes_warn, "object.size.warning_threshold", "5MB", 1, 50 << 20, LIVE,          \
      "Writes of larger objects are logged.")                                                      \
    X(NUMBER, siblings_max, "object.siblings.maximum", "100", 1, 10000, LIVE,                      \
      "A write that would give an object more siblings is refused.")                               \
    X(NUMBER, siblings_warn, "object.siblings.warning_threshold", "25", 1, 10000, LIVE,            \
      "Writes that give an object more siblings are logged.")                                      \
    X(NUMBER, requests_max, "max_concurrent_requests", "50000", 1, 50000, LIVE,                    \
      "Requests in flight at one node; those beyond are answered with 'overload' at once.")        \
    X(SWITCH, allow_mult_default, "buckets.default.allow_mult", "off", 0, 1, AT_START,             \
      "Whether buckets of the default type keep siblings.")                                        \
    X(NUMBER, n_val_default, "buckets.default.n_val", "3", 1, 16, AT_START,                        \
      "Replicas of each object in buckets of the default type.")                                   \
    X(QUORUM, r_default, "buckets.default.r", "quorum", 1, 16, AT_START,                           \
      "Replicas that must answer a read.")                                                         \
    X(QUORUM, w_default, "buckets.default.w", "quorum", 1, 16, AT_START,                           \
      "Replicas that must have accepted a write.")                                                 \
    X(QUORUM, pr_default, "buckets.default.pr", "0", 0, 16, AT_START,                              \
      "Primary replicas that must answer a read.")                                                 \
    X(QUORUM, pw_default, "buckets.default.pw", "0", 0, 16, AT_START,                              \
      "Primary replicas that must have accepted a write.")                                         \
    X(QUORUM, dw_default, "buckets.default.dw", "quorum", 0, 16, AT_START,                         \
      "Replicas that must have a write on stable storage.")                                        \
    X(QUORUM, rw_default, "buckets.default.rw", "quorum", 1, 16, AT_START,                         \
      "The quorum of a delete that names neither r nor w.")                                        \
    X(SWITCH, notfound_ok_default, "buckets.default.notfound_ok", "on", 0, 1, AT_START,            \
      "Whether 'not found' counts as an answer to a read.")                                        \
    X(SWITCH, basic_quorum_default, "buckets.default.basic_quorum", "off", 0, 1, AT_START,         \
      "Whether a read ends when a majority found nothing, where notfound_ok is off.")              \
    X(SWITCH, last_write_wins_default, "buckets.default.last_write_wins", "off", 0, 1, AT_START,   \
      "Whether a write replaces what is there without regard to causality.")                       \
    X(SWITCH, http_url_encoding, "http_url_encoding", "on", 0, 1, AT_START,                        \
      "Whether names in URLs are percent-decoded. Off: only where a request has the header "       \
      "X-Riak-URL-Encoding: on.")                                                                  \
    X(SWITCH, secure_referer_check, "secure_referer_check", "on", 0, 1, AT_START,                  \
      "Whether HTTP requests that another site's page makes are refused.")                         \
    X(TIME, probe_interval_ms, "cluster.probe_interval", "1s", 10, 60000, AT_START,                \
      "How often another node is asked whether it is alive.")                                      \
    X(TIME, probe_timeout_ms, "cluster.probe_timeout", "500ms", 5, 60000, AT_START,                \
      "How long its answer is waited for; shorter than cluster.probe_interval.")                   \
    X(TIME, suspicion_ms, "cluster.suspicion", "4s", 10, 600000, AT_START,                         \
      "How long a node that does not answer is suspected, at least, before it is taken for down: " \
      "this long where two more nodes find so, up to six times as long where nobody does; and in " \
      "clusters of more than ten nodes this times the decimal logarithm of their number.")         \
    X(TIME, gossip_interval_ms, "cluster.gossip_interval", "200ms", 10, 60000, AT_START,           \
      "How often news of the cluster are told.")                                                   \
    X(TIME, compare_interval_ms, "cluster.compare_interval", "30s", 100, 3600000, AT_START,        \
      "How often all that is known of the members is compared with what another node knows.")      \
    X(SIZE, cache_bytes, "storage.cache_size", "256MB", 1 << 20, UINT64_C(1) << 44, AT_START,      \
      "Memory for blocks of stored data that were read.")                                          \
    X(SIZE, memtable_bytes, "storage.memtable_size", "32MB", 1 << 20, UINT64_C(4) << 30, AT_START, \
      "Memory for written data before a table file is made of it.")                                \
    X(SIZE, blob_bytes_min, "storage.blob_threshold", "4KB", 0, 1 << 30, AT_START,                 \
      "Objects of this size and more are stored beside the table files. 0: none.")                 \
    X(NUMBER, read_threads, "storage.read_threads", "2", 1, 64, AT_START,                          \
      "Threads that read what is not in memory.")                                                  \
    X(SPACE, free_min, "storage.free_min", "1GB", 0, UINT64_C(1) << 50, LIVE,                      \
      "With less free space on the disk of the data this node takes no new data: it serves reads " \
      "and deletes only, until a quarter more than that is free. 0: never.")                       \
    X(SIZE, ballast_bytes, "storage.ballast", "64MB", 0, UINT64_C(1) << 40, AT_START,              \
      "Space that is kept in a file named ballast in the data directory, for the hour of need: "   \
      "the node frees it when the disk is full, or you delete the file. 0: none.")                 \
    X(TIME, repair_wait_ms, "kv.repair_wait", "500ms", 1, 60000, LIVE,                             \
      "How long the answers of replicas are waited for that were not needed, so that those that "  \
      "are behind are repaired.")                                                                  \
    X(NUMBER, transfers_max, "transfer_limit", "2", 0, 64, LIVE,                                   \
      "Replicas that are copied to this node at a time, and from it, when the cluster changes. "   \
      "0: none is begun.")                                                                         \
    X(TIME, hold_time_ms, "transfers.hold_time", "10m", 0, 604800000, LIVE,                        \
      "How long the data of a replica that was given to another node is kept before it is "        \
      "deleted.")                                                                                  \
    X(SIZE, hints_bytes_max, "hints.size_max", "8GB", 0, UINT64_C(1) << 50, LIVE,                  \
      "Objects kept for nodes that are away, in bytes of this node's disk. Beyond that further "   \
      "copies are refused, and do not count for w and dw.")                                        \
    X(TIME, hints_age_max_ms, "hints.age_max", "3d", 1000, 2592000000, LIVE,                       \
      "How long an object is kept for a node that is away; then the other replicas get it.")       \
    X(SIZE, hints_rate, "hints.rate", "16MB", 1024, UINT64_C(1) << 40, LIVE,                       \
      "Bytes a second at which kept objects are handed over to a node that is back.")              \
    X(SIZE, transfers_rate, "transfers.rate", "100MB", 1024, UINT64_C(1) << 40, LIVE,              \
      "Bytes a second at which two replicas of a partition are compared and made equal; of each "  \
      "comparison that a node has begun.")                                                         \
    X(SWITCH, anti_entropy, "anti_entropy", "on", 0, 1, LIVE,                                      \
      "Whether replicas are compared with each other now and then, and made equal where they "     \
      "differ, without anybody reading.")                                                          \
    X(TIME, anti_entropy_interval_ms, "anti_entropy.interval", "10m", 100, 2592000000, LIVE,       \
      "How long after a comparison of two replicas the next one begins. After a restart, or when " \
      "a node is back, it does within seconds.")                                                   \
    X(NUMBER, anti_entropy_concurrency, "anti_entropy.concurrency", "2", 1, 64, LIVE,              \
      "Comparisons that one node has under way at once.")                                          \
    X(TIME, expiry_skew_ms, "expiry.skew", "10s", 0, 3600000, LIVE,                                \
      "The most by which the clocks of two nodes may differ. A value is hidden when it has "       \
      "expired for so long.")                                                                      \
    X(TIME, expiry_grace_ms, "expiry.grace", "1d", 0, 2592000000, LIVE,                            \
      "How long expired data is kept, hidden, before it is removed: a clock that is wrong by "     \
      "less destroys nothing. At least twice expiry.skew.")                                        \
    X(TIME, expiry_interval_ms, "expiry.interval", "1h", 1, 2592000000, LIVE,                      \
      "The least time from one search for data to be removed to the next. There is none while "    \
      "nothing is due.")                                                                           \
    X(SIZE, expiry_rate, "expiry.rate", "4MB", 1024, UINT64_C(1) << 40, LIVE,                      \
      "Bytes of digests a second that such a search reads; a key has some 80.")                    \
    X(NUMBER, hot_keys_max, "kv.hot_keys", "10000", 1, 1000000, LIVE,                              \
      "Keys that may be in work at once; requests for more are answered with 'overload'.")         \
    X(NUMBER, counter_lease, "kv.counter_lease", "100000", 2, 1000000000, LIVE,                    \
      "Writes that a partition may name before it has to note durably that it names more.")
/* clang-format on */

#define CONFIG_FIELD(kind, field, ...) CONFIG_TYPE_##kind field;
struct config {
    CONFIG_LIST(CONFIG_FIELD)
    struct arena texts; /* the texts that were set; those of the defaults are constants */
};
#undef CONFIG_FIELD

/* One row of the table. */
struct config_row {
    const char *name;
    enum config_kind kind;
    size_t offset;       /* of the field */
    const char *initial; /* the default, as it would be written */
    uint64_t least;
    uint64_t most;
    enum config_change change;
    const char *help;
};

/* All rows, in the order of the manual. */
const struct config_row *config_rows(uint32_t *ret_count);

/* The row of a name; NULL when there is none. */
const struct config_row *config_row(struct bytes name);

/* The defaults. Such a config owns nothing; config_done is needed after a text was set. A config is
 * not copied, its texts are not shared. */
void config_init(struct config *config);

/* Frees the texts. */
void config_done(struct config *config);

/* Sets one option. On failure appends a sentence for people to `why`: ERR_NOT_FOUND when there is
 * no such option, ERR_BAD_REQUEST when it cannot have that value. */
enum err config_set(struct config *config, struct bytes name, struct bytes value, struct buf *why)
    MUST_CHECK;

/* Sets one option from "name=value", as on a command line. ERR_MALFORMED when it is not of that
 * form. */
enum err config_assign(struct config *config, struct bytes text, struct buf *why) MUST_CHECK;

/* Sets what a file says: lines of `name = value`, `# comments`, values in quotes where they have a
 * comment sign or blanks at an end. Stops at the first wrong line and names its number; the lines
 * before it are set. */
enum err config_parse(struct config *config, struct bytes text, struct buf *why) MUST_CHECK;

/* Checks what single values cannot show: call it when all are set. ERR_BAD_REQUEST and a sentence
 * when two of them cannot be together. */
enum err config_check(const struct config *config, struct buf *why) MUST_CHECK;

/* Appends the value of an option as it would be written. */
enum err config_get_text(const struct config *config, struct bytes name, struct buf *buf)
    MUST_CHECK;

/* Appends what an option's values may be: "a number from 1 to 64". */
void config_put_values(struct buf *buf, const struct config_row *row);

/* What a CONFIG_SPACE means for a disk of that many bytes. */
uint64_t config_space_bytes(uint64_t space, uint64_t total);

/* Takes the next address off a list; false at its end. */
bool config_next_address(struct bytes *list, struct bytes *ret_address);

#endif
