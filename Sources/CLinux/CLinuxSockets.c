#define _GNU_SOURCE
#include "CLinuxSockets.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/eventfd.h>

socklen_t clinux_make_address(struct sockaddr_storage *value, int family, const void *octets, uint16_t port,
                              uint32_t scope) {
    memset(value, 0, sizeof *value);
    if (family == 4) {
        struct sockaddr_in *in = (struct sockaddr_in *)value;
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        memcpy(&in->sin_addr, octets, 4);
        return sizeof *in;
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)value;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(port);
    in6->sin6_scope_id = scope;
    memcpy(&in6->sin6_addr, octets, 16);
    return sizeof *in6;
}

int clinux_read_address(const struct sockaddr_storage *value, void *octets, uint16_t *port, uint32_t *scope) {
    if (value->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)value;
        memcpy(octets, &in->sin_addr, 4);
        *port = ntohs(in->sin_port);
        *scope = 0;
        return 4;
    }
    if (value->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)value;
        memcpy(octets, &in6->sin6_addr, 16);
        *port = ntohs(in6->sin6_port);
        *scope = in6->sin6_scope_id;
        return 6;
    }
    return 0;
}

int clinux_accept(int fd, struct sockaddr_storage *remote) {
    socklen_t length = sizeof *remote;
    memset(remote, 0, sizeof *remote);
    return accept4(fd, (struct sockaddr *)remote, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int clinux_save_syn(int fd) {
    int on = 1;
    return setsockopt(fd, IPPROTO_TCP, TCP_SAVE_SYN, &on, sizeof on);
}

int clinux_syn_ttl(int fd) {
    // The network header and the TCP header: at most 60 octets each, IPv6 extension headers excepted.
    uint8_t headers[512];
    socklen_t length = sizeof headers;
    if (getsockopt(fd, IPPROTO_TCP, TCP_SAVED_SYN, headers, &length) != 0 || length < 20) return -1;
    switch (headers[0] >> 4) {
    case 4: return headers[8];
    case 6: return headers[7];
    default: return -1;
    }
}

int clinux_tcp_socket(int family) {
    return socket(family == 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int clinux_event_counter(int nonblocking) {
    return eventfd(0, EFD_CLOEXEC | (nonblocking ? EFD_NONBLOCK : 0));
}

int clinux_set_abortive_close(int fd) {
    struct linger value = {1, 0};
    return setsockopt(fd, SOL_SOCKET, SO_LINGER, &value, sizeof value);
}
