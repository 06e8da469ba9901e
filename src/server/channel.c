/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to another node: dialling, accepting, reading frames, writing what was
 * gathered. */
#include <netdb.h>
#include <netinet/tcp.h>

#include "base/check.h"
#include "base/mem.h"
#include "msg/limits.h"
#include "server/peers_int.h"

enum { SAID_BYTES_MAX = 3 * (PEER_GREETING_BYTES_MAX + PEER_HEADER_BYTES) };

static void free_if_done(struct channel *channel)
{
    if (channel->state != CHANNEL_DEAD || channel->tcp_ready || channel->resolving)
        return;
    list_remove(&channel->all);
    uv_freeaddrinfo(channel->found);
    buf_done(&channel->in);
    buf_done(&channel->sending);
    buf_done(&channel->said);
    buf_done(&channel->ours);
    buf_done(&channel->theirs);
    mem_free(channel);
}

static struct channel *channel_new(struct peers *peers)
{
    struct channel *channel = mem_new(sizeof(*channel));

    channel->peers = peers;
    channel->state = CHANNEL_GREET;
    channel->deadline_ms = uv_now(peers->uv) + PEER_HANDSHAKE_MS;
    list_init(&channel->dirty);
    list_append(&peers->channels, &channel->all);
    buf_init(&channel->in, PEER_FRAME_BYTES_MAX + PEER_HEADER_BYTES + PEER_READ_BYTES);
    buf_init(&channel->sending, PEER_DATA_BYTES_MAX + PEER_FRAME_BYTES_MAX);
    buf_init(&channel->said, SAID_BYTES_MAX);
    buf_init(&channel->ours, PEER_GREETING_BYTES_MAX);
    buf_init(&channel->theirs, PEER_GREETING_BYTES_MAX);
    return channel;
}

void channel_known(struct channel *channel)
{
    if (!channel->stranger)
        return;
    ASSERT(channel->peers->strangers > 0);
    channel->peers->strangers--;
    channel->stranger = false;
}

static void on_tcp_closed(uv_handle_t *handle)
{
    struct channel *channel = handle->data;

    channel->tcp_ready = false;
    free_if_done(channel);
}

/* Readies the socket's structure; after a failed attempt it must be made anew. */
static void tcp_begin(struct channel *channel)
{
    int error = uv_tcp_init(channel->peers->uv, &channel->tcp);

    ASSERT(error == 0);
    channel->tcp.data = channel;
    channel->tcp_ready = true;
}

void channel_kill(struct channel *channel)
{
    if (channel->state == CHANNEL_DEAD)
        return;
    channel_known(channel);
    channel->deadline_ms = 0;
    channel->state = CHANNEL_DEAD;
    channel->peer = NULL;
    channel->dial = NULL;
    list_remove(&channel->dirty);
    if (channel->resolving)
        uv_cancel((uv_req_t *)&channel->resolve);
    if (channel->tcp_ready && !uv_is_closing((const uv_handle_t *)&channel->tcp))
        uv_close((uv_handle_t *)&channel->tcp, on_tcp_closed);
    free_if_done(channel);
}

void channel_fail(struct channel *channel, const char *reason)
{
    if (channel->state == CHANNEL_DEAD)
        return;
    peers_channel_dead(channel->peers, channel, reason);
    channel_kill(channel);
}

void channel_mark_dirty(struct channel *channel)
{
    if (channel->state != CHANNEL_DEAD && list_empty(&channel->dirty))
        list_append(&channel->peers->dirty, &channel->dirty);
}

static void on_frame(struct channel *channel, const struct peer_frame *frame)
{
    if (channel->state == CHANNEL_OPEN)
        peers_channel_message(channel->peers, channel, frame);
    else
        channel_greeted(channel, frame);
}

/* Control may speak before data stands: the link is not up, and the message waits. */
static void hold(struct channel *channel)
{
    channel->held = true;
    uv_read_stop((uv_stream_t *)&channel->tcp);
}

/* Takes whole frames off the front; how many bytes that were. Stops when the channel dies. */
static size_t take_frames(struct channel *channel, struct bytes input)
{
    size_t at = 0;

    while (channel->state != CHANNEL_DEAD && !channel->last_words) {
        if (channel->state == CHANNEL_OPEN && !channel->peer->up) {
            hold(channel);
            return at;
        }
        size_t max = channel->state == CHANNEL_OPEN ? (size_t)PEER_FRAME_BYTES_MAX
                                                    : (size_t)PEER_GREETING_BYTES_MAX;
        struct peer_frame frame;
        struct bytes rest = bytes_sub(input, at, input.len - at);
        enum peer_framing framing = peer_frame_next(rest, max, &frame);

        if (framing == FRAMING_SHORT)
            return at;
        if (framing == FRAMING_BAD) {
            channel_fail(channel, "what it sent is no frame, or was damaged");
            return at;
        }
        at += frame.size;
        on_frame(channel, &frame);
    }
    return at;
}

/* Frames are read where they lie: only the beginning of an unfinished one is copied. */
static void take_input(struct channel *channel, struct bytes input)
{
    if (channel->in.len == 0) {
        size_t used = take_frames(channel, input);
        if (channel->state != CHANNEL_DEAD && !channel->last_words)
            buf_put(&channel->in, bytes_sub(input, used, input.len - used));
        return;
    }
    buf_put(&channel->in, input);
    ASSERT(!channel->in.overflow);
    size_t used = take_frames(channel, buf_bytes(&channel->in));
    if (channel->state == CHANNEL_DEAD)
        return;
    buf_consume(&channel->in, used);
    if (channel->in.len == 0 && channel->in.cap > PEER_KEEP_BYTES)
        buf_done(&channel->in);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct channel *channel = handle->data;

    (void)suggested;
    buf->base = (char *)channel->peers->read_space;
    buf->len = PEER_READ_BYTES;
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
    struct channel *channel = stream->data;

    if (got == 0)
        return;
    if (got < 0) {
        channel_fail(channel, got == UV_EOF ? "it closed the connection" : uv_strerror((int)got));
        return;
    }
    channel->peers->counts.bytes_in += (uint64_t)got;
    if (channel->last_words)
        return;
    take_input(channel, bytes_of(buf->base, (size_t)got));
}

void channel_resume(struct channel *channel)
{
    if (!channel->held)
        return;
    channel->held = false;
    if (uv_read_start((uv_stream_t *)&channel->tcp, on_alloc, on_read) != 0) {
        channel_fail(channel, "it closed the connection");
        return;
    }
    take_input(channel, BYTES_NONE);
}

/* What was said last must be read before the connection goes: the other end closes it, or the
 * deadline does. */
static void half_close(struct channel *channel)
{
    uv_os_fd_t fd = -1;

    if (uv_fileno((const uv_handle_t *)&channel->tcp, &fd) != 0 || shutdown(fd, SHUT_WR) != 0)
        channel_kill(channel);
}

static void on_written(uv_write_t *write, int status)
{
    struct channel *channel = write->data;

    channel->writing = false;
    if (channel->state == CHANNEL_DEAD)
        return;
    buf_reset(&channel->sending);
    if (channel->sending.cap > PEER_KEEP_BYTES)
        buf_done(&channel->sending);
    if (status != 0)
        channel_fail(channel, uv_strerror(status));
    else if (channel->last_words)
        half_close(channel);
    else
        channel_mark_dirty(channel);
}

/* Writes the buffer: what the socket takes at once, the rest by the loop, out of `sending`. */
static bool write_buf(struct channel *channel, struct buf *from)
{
    uv_buf_t view = {(char *)from->data, from->len};
    int sent = uv_try_write((uv_stream_t *)&channel->tcp, &view, 1);

    if (sent < 0 && sent != UV_EAGAIN)
        return false;
    size_t done = sent > 0 ? (size_t)sent : 0;
    channel->peers->counts.bytes_out += from->len;
    if (done == from->len) {
        buf_reset(from);
        if (from->cap > PEER_KEEP_BYTES)
            buf_done(from);
        return true;
    }
    size_t max = from->max;
    struct buf empty = channel->sending;
    channel->sending = *from;
    *from = empty;
    from->max = max;
    buf_reset(from);
    view = (uv_buf_t){(char *)channel->sending.data + done, channel->sending.len - done};
    channel->write.data = channel;
    channel->writing = true;
    return uv_write(&channel->write, (uv_stream_t *)&channel->tcp, &view, 1, on_written) == 0;
}

bool channel_flush(struct channel *channel)
{
    ASSERT(channel->state != CHANNEL_DEAD);
    /* The handshake's words go first: the proof opens the way for what was gathered. */
    if (!channel->writing && channel->said.len > 0 && !write_buf(channel, &channel->said))
        return false;
    if (channel->state != CHANNEL_OPEN || channel->last_words || channel->peer == NULL)
        return true;
    /* A retired one only reads. */
    if (channel->peer->channels[channel->class] != channel)
        return true;
    struct buf *gather = &channel->peer->gather[channel->class];
    if (channel->writing || gather->len == 0)
        return true;
    return write_buf(channel, gather);
}

void channel_refuse(struct channel *channel, enum peer_refusal refusal)
{
    if (channel->state == CHANNEL_DEAD || channel->last_words)
        return;
    log_line(channel->peers->log, TRACE_DEBUG, "a peer connection is refused: %s",
             peer_refusal_text(refusal));
    enum err err = peer_refusal_encode(&channel->said, refusal);
    channel->peer = NULL;
    channel->dial = NULL;
    channel->last_words = true;
    channel->deadline_ms = uv_now(channel->peers->uv) + CONN_LINGER_MS;
    list_remove(&channel->dirty);
    if (err != ERR_OK || !channel_flush(channel))
        channel_kill(channel);
    else if (!channel->writing)
        half_close(channel);
}

static void socket_options(struct channel *channel)
{
    unsigned timeout_ms = PEER_USER_TIMEOUT_MS;
    uv_os_fd_t fd = -1;

    uv_tcp_nodelay(&channel->tcp, 1);
    uv_tcp_keepalive(&channel->tcp, 1, KEEPALIVE_IDLE_S);
    if (uv_fileno((const uv_handle_t *)&channel->tcp, &fd) == 0)
        (void)!setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
}

static void start(struct channel *channel)
{
    socket_options(channel);
    channel->state = CHANNEL_GREET;
    if (uv_read_start((uv_stream_t *)&channel->tcp, on_alloc, on_read) != 0) {
        channel_fail(channel, "it closed the connection");
        return;
    }
    channel_greet(channel);
}

static void try_next(struct channel *channel, const char *reason);

static void on_connected(uv_connect_t *connect, int status)
{
    struct channel *channel = connect->data;

    if (channel->state == CHANNEL_DEAD)
        return;
    if (status != 0)
        try_next(channel, uv_strerror(status));
    else
        start(channel);
}

static void connect_to(struct channel *channel, const struct sockaddr *to)
{
    channel->state = CHANNEL_CONNECT;
    channel->connect.data = channel;
    tcp_begin(channel);
    int error = uv_tcp_connect(&channel->connect, &channel->tcp, to, on_connected);
    if (error != 0)
        try_next(channel, uv_strerror(error));
}

static void on_retry_closed(uv_handle_t *handle)
{
    struct channel *channel = handle->data;

    channel->tcp_ready = false;
    if (channel->state == CHANNEL_DEAD) {
        free_if_done(channel);
        return;
    }
    connect_to(channel, channel->trying->ai_addr);
}

/* A name may mean several addresses: the next one, on a new socket, or the end. */
static void try_next(struct channel *channel, const char *reason)
{
    if (channel->trying != NULL)
        channel->trying = channel->trying->ai_next;
    if (channel->trying == NULL) {
        channel_fail(channel, reason);
        return;
    }
    uv_close((uv_handle_t *)&channel->tcp, on_retry_closed);
}

static void on_resolved(uv_getaddrinfo_t *resolve, int status, struct addrinfo *found)
{
    struct channel *channel = resolve->data;

    channel->resolving = false;
    channel->found = found;
    if (channel->state == CHANNEL_DEAD) {
        free_if_done(channel);
        return;
    }
    if (status != 0 || found == NULL) {
        channel_fail(channel, status != 0 ? uv_strerror(status) : "the name has no address");
        return;
    }
    channel->trying = found;
    connect_to(channel, found->ai_addr);
}

static void resolve(struct channel *channel, const struct address *address)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    char port[8];
    struct buf text;

    buf_init(&text, sizeof(port) - 1);
    buf_put_dec(&text, address->port);
    memcpy(port, text.data, text.len);
    port[text.len] = '\0';
    buf_done(&text);
    channel->state = CHANNEL_RESOLVE;
    channel->resolve.data = channel;
    channel->resolving = true;
    int error = uv_getaddrinfo(channel->peers->uv, &channel->resolve, on_resolved, address->host,
                               port, &hints);
    if (error != 0) {
        channel->resolving = false;
        channel_fail(channel, uv_strerror(error));
    }
}

void channel_dial(struct peers *peers, const char *text, enum peer_class class, struct peer *peer,
                  struct dial *dial)
{
    struct channel *channel = channel_new(peers);
    struct sockaddr_storage numeric;
    struct address address;

    ASSERT((peer == NULL) != (dial == NULL));
    channel->dialled = true;
    channel->call = ++peers->calls;
    channel->class = class;
    channel->peer = peer;
    channel->dial = dial;
    memcpy(channel->address, text, strlen(text) + 1);
    if (peer != NULL)
        peer->dialling[class] = channel;
    else
        dial->channel = channel;
    if (!address_parse(bytes_str(text), &address))
        channel_fail(channel, "its address is no HOST:PORT");
    else if (address_numeric(&address, &numeric))
        connect_to(channel, (const struct sockaddr *)&numeric);
    else
        resolve(channel, &address);
}

void channel_accept(struct peers *peers, uv_stream_t *server)
{
    struct channel *channel = channel_new(peers);

    peers->strangers++;
    channel->stranger = true;
    tcp_begin(channel);
    if (uv_accept(server, (uv_stream_t *)&channel->tcp) != 0) {
        channel_kill(channel);
        return;
    }
    if (peers->strangers > PEER_STRANGERS_MAX) {
        channel_kill(channel);
        return;
    }
    start(channel);
}
