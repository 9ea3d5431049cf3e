// Socket addresses and accepting, as functions: the structures' members are not reachable from Swift everywhere.
#ifndef MARTLET_CLINUX_SOCKETS_H
#define MARTLET_CLINUX_SOCKETS_H

#include <stdint.h>
#include <sys/socket.h>

/// Fills an address of family 4 or 6; `octets` holds 4 or 16 in network order. Returns the length to pass on.
socklen_t clinux_make_address(struct sockaddr_storage *value, int family, const void *octets, uint16_t port,
                              uint32_t scope);

/// Reads an address: returns 4 or 6 and fills `octets` (16 of room), `port` and `scope`, or 0 for other families.
int clinux_read_address(const struct sockaddr_storage *value, void *octets, uint16_t *port, uint32_t *scope);

/// accept4(2) with SOCK_NONBLOCK and SOCK_CLOEXEC. Returns the descriptor, or -1 with errno.
int clinux_accept(int fd, struct sockaddr_storage *remote);

/// Makes a listening socket keep the headers of each SYN for `clinux_syn_ttl`. Returns 0, or -1 with errno.
int clinux_save_syn(int fd);

/// The TTL or hop limit that the SYN of an accepted connection arrived with, or -1 when it was not kept. Asks once.
int clinux_syn_ttl(int fd);

/// A new non-blocking, close-on-exec TCP socket of family 4 or 6, or -1 with errno.
int clinux_tcp_socket(int family);

/// A new close-on-exec event counter, or -1 with errno.
int clinux_event_counter(int nonblocking);

/// Makes close(2) send a reset.
int clinux_set_abortive_close(int fd);

#endif
