#define _GNU_SOURCE
#include "CLinux.h"

#include <malloc.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CLINUX_MAX_DATAGRAMS 64

int clinux_receive_datagrams(int fd, void *slots, size_t slot_size, uint32_t *lengths, int count, int flags) {
    struct mmsghdr headers[CLINUX_MAX_DATAGRAMS];
    struct iovec vectors[CLINUX_MAX_DATAGRAMS];
    if (count < 1) {
        errno = EINVAL;
        return -1;
    }
    if (count > CLINUX_MAX_DATAGRAMS) {
        count = CLINUX_MAX_DATAGRAMS;
    }
    memset(headers, 0, sizeof headers[0] * (size_t)count);
    for (int i = 0; i < count; i++) {
        vectors[i].iov_base = (char *)slots + slot_size * (size_t)i;
        vectors[i].iov_len = slot_size;
        headers[i].msg_hdr.msg_iov = &vectors[i];
        headers[i].msg_hdr.msg_iovlen = 1;
    }
    int received = recvmmsg(fd, headers, (unsigned)count, flags | MSG_TRUNC, NULL);
    for (int i = 0; i < received; i++) {
        lengths[i] = headers[i].msg_len;
    }
    return received;
}

int clinux_setns(int fd, int kind) { return setns(fd, kind); }

int clinux_unshare(int flags) { return unshare(flags); }

void clinux_name_thread(const char *name) {
    char cut[16];
    strncpy(cut, name, sizeof cut - 1);
    cut[sizeof cut - 1] = 0;
    pthread_setname_np(pthread_self(), cut);
}

size_t clinux_heap_in_use(void) {
    struct mallinfo2 usage = mallinfo2();
    return usage.uordblks + usage.hblkhd;
}

size_t clinux_heap_free(void) { return mallinfo2().fordblks; }

void clinux_trim_heap(void) { malloc_trim(0); }

pid_t clinux_thread_id(void) { return (pid_t)syscall(SYS_gettid); }
