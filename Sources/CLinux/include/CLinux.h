// Linux interfaces that the Glibc module does not carry: socket options, inotify, recvmmsg, namespaces, rtnetlink.
#ifndef MARTLET_CLINUX_H
#define MARTLET_CLINUX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/inotify.h>
#include <sys/eventfd.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/neighbour.h>
#include <linux/if_link.h>
#include <linux/if_addr.h>

#include "CLinuxSockets.h"

// TCP MD5 signatures (RFC 2385). `struct tcp_md5sig` comes from <netinet/tcp.h>.
#ifndef TCP_MD5SIG
#define TCP_MD5SIG 14
#endif
#ifndef TCP_MD5SIG_EXT
#define TCP_MD5SIG_EXT 32
#endif
#ifndef TCP_MD5SIG_MAXKEYLEN
#define TCP_MD5SIG_MAXKEYLEN 80
#endif
#ifndef TCP_MD5SIG_FLAG_PREFIX
#define TCP_MD5SIG_FLAG_PREFIX 0x1
#endif
#ifndef TCP_MD5SIG_FLAG_IFINDEX
#define TCP_MD5SIG_FLAG_IFINDEX 0x2
#endif

// TTL security (RFC 5082).
#ifndef IP_MINTTL
#define IP_MINTTL 21
#endif
#ifndef IPV6_MINHOPCOUNT
#define IPV6_MINHOPCOUNT 73
#endif

#ifndef IP_FREEBIND
#define IP_FREEBIND 15
#endif
#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif
#ifndef SO_BINDTODEVICE
#define SO_BINDTODEVICE 25
#endif
#ifndef SO_PEERCRED
#define SO_PEERCRED 17
#endif
#ifndef SO_RCVBUFFORCE
#define SO_RCVBUFFORCE 33
#endif
#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif
#ifndef CLONE_NEWNET
#define CLONE_NEWNET 0x40000000
#endif
#ifndef CLONE_NEWNS
#define CLONE_NEWNS 0x00020000
#endif

/// What SO_PEERCRED answers; glibc hides its own `struct ucred` without _GNU_SOURCE.
struct clinux_peer_credentials {
    int32_t pid;
    uint32_t uid;
    uint32_t gid;
};

/// The value SO_BINDTODEVICE takes.
struct clinux_device_name {
    char name[16];
};

/// Fills a TCP_MD5SIG or TCP_MD5SIG_EXT value.
///
/// `prefix_length` is negative for a key that belongs to one address; `interface_index` is 0 for any interface. A
/// `key_length` of 0 deletes the key. Returns 0, or EINVAL when the address or the key is too long.
static inline int clinux_make_tcp_md5sig(struct tcp_md5sig *value, const void *address, socklen_t address_length,
                                         int prefix_length, int interface_index, const void *key,
                                         size_t key_length) {
    if (address_length > sizeof(struct sockaddr_storage) || key_length > TCP_MD5SIG_MAXKEYLEN) {
        return 22; /* EINVAL */
    }
    __builtin_memset(value, 0, sizeof *value);
    __builtin_memcpy(&value->tcpm_addr, address, address_length);
    if (prefix_length >= 0) {
        value->tcpm_flags |= TCP_MD5SIG_FLAG_PREFIX;
        value->tcpm_prefixlen = (uint8_t)prefix_length;
    }
    if (interface_index != 0) {
        value->tcpm_flags |= TCP_MD5SIG_FLAG_IFINDEX;
        /* Padding in older C library headers: the int32 before the key. */
        __builtin_memcpy((char *)value + offsetof(struct tcp_md5sig, tcpm_key) - 4, &interface_index, 4);
    }
    value->tcpm_keylen = (uint16_t)key_length;
    if (key_length > 0) {
        __builtin_memcpy(value->tcpm_key, key, key_length);
    }
    return 0;
}

/// Receives up to `count` datagrams into consecutive slots of `slot_size` octets.
///
/// `lengths[i]` is the full length of datagram i, which exceeds `slot_size` when it was cut. Returns the number of
/// datagrams, or -1 with errno. `flags` as recvmmsg(2); MSG_TRUNC is added.
int clinux_receive_datagrams(int fd, void *slots, size_t slot_size, uint32_t *lengths, int count, int flags);

/// setns(2): moves the calling thread into the namespace that `fd` names.
int clinux_setns(int fd, int kind);

/// unshare(2), for the calling thread.
int clinux_unshare(int flags);

/// Names the calling thread; cut to 15 octets.
void clinux_name_thread(const char *name);

/// Kernel thread id of the calling thread.
pid_t clinux_thread_id(void);

// Octets that the program holds of the allocator, and octets the allocator keeps for reuse; those it gave back to the
// system with clinux_trim_heap() may still be among the latter.
size_t clinux_heap_in_use(void);
size_t clinux_heap_free(void);
void clinux_trim_heap(void);

#endif
