/*
 * bgpload - neutral BGP-4 load generator / convergence meter.
 *
 * One process plays many BGP peers against a daemon under test (DUT).
 * Senders announce pre-encoded tables, receivers track the exact state of
 * every prefix (absent / which sender's path) and the clock of a phase stops
 * when EVERY receiver holds EXACTLY the expected state (all prefixes, with
 * the expected best path).  Linux only, no dependencies.
 *
 *   cc -O2 -Wall -o bgpload bgpload.c
 *
 * "bgpload --relay" is a null DUT (TCP fan-out, no RIB): the tool's own
 * ceiling.  See README.md for the scenario definitions.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define SENDER_AS   100000u
#define RECEIVER_AS 200000u
#define BASE_PFX    0x14000000u		/* 20.0.0.0 */
#define INBUF       (256 * 1024)

/* ---- options ---- */
static uint32_t o_dut = 0x0a000001, o_net = 0x0a000000;
static int o_port = 179, o_senders = 1, o_receivers = 1, o_late = 0;
static int o_overlap, o_ibgp, o_both, o_group = 8, o_plen = 0, o_emptypath, o_relay;
static uint32_t o_prefixes = 1000, o_attrs = 1000, o_dutas = 65000;
static double o_churn = 60, o_timeout = 180, o_setup_timeout = 120, o_quiet = 30;
static const char *o_phases = "load";
static int o_stall;			/* receivers that connect and never read */
static const char *o_control, *o_request;	/* socket and text of a query whose answer is never read */
static int pids[64], npids;
static int verbose;

static double now(void)
{ struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec * 1e-9; }
static double cpu_self(void)
{ struct timespec t; clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); return t.tv_sec + t.tv_nsec * 1e-9; }
static void die(const char *f, ...)
{ va_list a; va_start(a, f); vfprintf(stderr, f, a); va_end(a); fputc('\n', stderr); exit(2); }
static uint32_t mix(uint32_t x)
{ x ^= x >> 16; x *= 0x7feb352d; x ^= x >> 15; x *= 0x846ca68b; x ^= x >> 16; return x; }

static uint8_t *p16(uint8_t *p, unsigned v) { p[0] = v >> 8; p[1] = v; return p + 2; }
static uint8_t *p32(uint8_t *p, uint32_t v) { p[0] = v >> 24; p[1] = v >> 16; p[2] = v >> 8; p[3] = v; return p + 4; }
static unsigned g16(const uint8_t *p) { return p[0] << 8 | p[1]; }
static uint32_t g32(const uint8_t *p) { return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3]; }

/* ---- DUT process sampling ---- */
typedef struct { double user, sys; long rss, hwm; int threads; } Sample;
static Sample sample(void)
{
	Sample s = {0};
	char path[64], line[1024];
	for (int i = 0; i < npids; i++) {
		snprintf(path, sizeof path, "/proc/%d/stat", pids[i]);
		FILE *f = fopen(path, "r");
		if (f) {
			if (fgets(line, sizeof line, f)) {
				char *p = strrchr(line, ')');
				unsigned long ut, st; int th;
				if (p && sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %d", &ut, &st, &th) == 3) {
					s.user += ut / (double)sysconf(_SC_CLK_TCK);
					s.sys += st / (double)sysconf(_SC_CLK_TCK);
					s.threads += th;
				}
			}
			fclose(f);
		}
		snprintf(path, sizeof path, "/proc/%d/status", pids[i]);
		if ((f = fopen(path, "r"))) {
			long v;
			while (fgets(line, sizeof line, f)) {
				if (sscanf(line, "VmRSS: %ld", &v) == 1) s.rss += v;
				if (sscanf(line, "VmHWM: %ld", &v) == 1) s.hwm += v;
			}
			fclose(f);
		}
	}
	return s;
}
static void reset_hwm(void)
{
	for (int i = 0; i < npids; i++) {
		char path[64]; snprintf(path, sizeof path, "/proc/%d/clear_refs", pids[i]);
		int fd = open(path, O_WRONLY);
		if (fd >= 0) { if (write(fd, "5", 1) < 0) {} close(fd); }
	}
}

/* CPU of every thread by name, in nanoseconds of the scheduler: a phase is short for /proc's ticks */
typedef struct { int tid; char name[16]; double cpu; } Thread;
#define MAXTHREADS 128
static int sample_threads(Thread *out)
{
	int n = 0;
	for (int i = 0; i < npids; i++) {
		char path[96];
		snprintf(path, sizeof path, "/proc/%d/task", pids[i]);
		DIR *d = opendir(path);
		struct dirent *e;
		while (d && (e = readdir(d)) && n < MAXTHREADS) {
			Thread *t = &out[n];
			unsigned long long ns;
			if ((t->tid = atoi(e->d_name)) <= 0) continue;
			snprintf(path, sizeof path, "/proc/%d/task/%d/schedstat", pids[i], t->tid);
			FILE *f = fopen(path, "r");
			int got = f && fscanf(f, "%llu", &ns) == 1;
			if (f) fclose(f);
			if (!got) continue;
			t->cpu = ns * 1e-9;
			snprintf(path, sizeof path, "/proc/%d/task/%d/comm", pids[i], t->tid);
			*t->name = 0;
			if ((f = fopen(path, "r"))) {
				if (fgets(t->name, sizeof t->name, f)) t->name[strcspn(t->name, "\n\"\\")] = 0;
				fclose(f);
			}
			n++;
		}
		if (d) closedir(d);
	}
	return n;
}
/* appends "name": object of the CPU of threads since `old` */
static void print_threads(const char *name, const Thread *old, int nold, const Thread *new, int nnew)
{
	printf(",\"%s\":{", name);
	const char *comma = "";
	for (int i = 0; i < nnew; i++) {
		double cpu = new[i].cpu;
		for (int k = 0; k < nold; k++) if (old[k].tid == new[i].tid) cpu -= old[k].cpu;
		if (cpu < 1e-6) continue;
		printf("%s\"%s/%d\":%.6f", comma, new[i].name, new[i].tid, cpu);
		comma = ",";
	}
	printf("}");
}

/* ---- prefixes ---- */
static uint32_t P;		/* number of distinct prefixes */
static inline uint32_t pfx_addr(uint32_t i) { return BASE_PFX + (o_plen == 26 ? i << 6 : i << 8); }
static inline int pfx_len(uint32_t i)
{ return o_plen ? o_plen : (i & 1) ? 24 : (i & 2) ? 23 : 22; }	/* 50% /24, 25% /23, 25% /22, nested */
static inline uint8_t *put_pfx(uint8_t *p, uint32_t i)
{
	int l = pfx_len(i), n = (l + 7) / 8; uint32_t a = pfx_addr(i);
	*p++ = l; for (int k = 0; k < n; k++) *p++ = a >> (24 - 8 * k);
	return p;
}

/* ---- peers ---- */
enum { IDLE, CONNECTING, OPENSENT, OPENCONFIRM, UP };
typedef struct Peer {
	int sid;			/* sender id or -1 */
	int recv, late, stalled, enabled, used;
	uint32_t addr, as;
	int fd, st, want_out;
	double next_try, t_start, t_up, last_ka;
	const uint8_t *blob; size_t blob_len, blob_off;
	double t_sent;			/* bulk fully handed to the kernel */
	uint8_t ctl[256]; int ctl_len, ctl_off;
	uint8_t *in; size_t in_len;
	uint16_t *state; uint32_t ok;
	uint64_t ann, wd, upd, bytes;
	double t_conv, t_first, t_last;
	uint8_t *ann_blob, *wd_blob; size_t ann_len, wd_len, ann_msgs;
} Peer;
static Peer *peers; static int npeers, ep;
static uint16_t *want;
static int down_sender = -1;
static int errors;
static const char *first_error = ""; static char errbuf[256];

static uint32_t *grp_of;	/* per prefix: group number inside its range */

static int nchunk(uint32_t g) { return o_group <= 1 ? 1 : 1 + mix(g * 2654435761u + 7) % (2 * o_group - 1); }

static uint16_t winner(uint32_t idx)
{
	if (!o_overlap) { int s = idx / o_prefixes; return s == down_sender ? 0 : s + 1; }
	int r0 = grp_of[idx] % o_senders;
	if (r0 != down_sender) return r0 + 1;
	if (o_senders == 1) return 0;
	return (r0 + 1) % o_senders + 1;
}
static inline uint16_t expect(const Peer *p, uint32_t i)
{ return (p->sid >= 0 && want[i] == p->sid + 1) ? 0 : want[i]; }
static void retarget(void)
{
	for (uint32_t i = 0; i < P; i++) want[i] = winner(i);
	for (int k = 0; k < npeers; k++) {
		Peer *p = &peers[k];
		if (!p->recv) continue;
		uint32_t ok = 0;
		for (uint32_t i = 0; i < P; i++) ok += p->state[i] == expect(p, i);
		p->ok = ok; p->t_conv = 0; p->t_first = 0; p->t_last = 0;
		p->ann = p->wd = p->upd = p->bytes = 0;
	}
}

static void hdr(uint8_t *m, int len, int type) { memset(m, 255, 16); p16(m + 16, len); m[18] = type; }

static uint8_t *put_attrs(uint8_t *p, Peer *s, uint32_t a, int rank)
{
	uint32_t h = mix(a + 1);
	*p++ = 0x40; *p++ = 1; *p++ = 1; *p++ = 0;		/* ORIGIN IGP */
	uint32_t path[8]; int n = 0;
	int len = rank < 0 ? 3 + (h % 10 < 3 ? 0 : h % 10 < 7 ? 1 : 2) : rank == 0 ? 3 : rank == 1 ? 4 : 5;
	if (!o_emptypath) {
		path[n++] = SENDER_AS + s->sid;
		while (n < len) path[n] = 1000 + mix(h + n * 77 + (n == len - 1 ? a : a / 64)) % 60000, n++;
	}
	*p++ = 0x40; *p++ = 2;
	if (n) { *p++ = 2 + 4 * n; *p++ = 2; *p++ = n; for (int i = 0; i < n; i++) p = p32(p, path[i]); }
	else *p++ = 0;
	*p++ = 0x40; *p++ = 3; *p++ = 4; p = p32(p, s->addr);	/* NEXT_HOP */
	if (o_ibgp) { *p++ = 0x40; *p++ = 5; *p++ = 4; p = p32(p, 100); }
	if (!o_emptypath) {					/* 1..4 communities; the first makes the set unique */
		int nc = 1 + h / 16 % 4;
		*p++ = 0xc0; *p++ = 8; *p++ = 4 * nc;
		/* communities are sent sorted: that is what daemons re-emit */
		uint32_t c[4]; c[0] = (1000u << 16) + a;
		for (int i = 1; i < nc; i++) c[i] = ((30000u + 7000u * i) << 16) + mix(h + i) % 500;
		for (int i = 0; i < nc; i++) p = p32(p, c[i]);
	}
	return p;
}

static void encode(Peer *s)
{
	uint32_t lo = o_overlap ? 0 : s->sid * o_prefixes, M = o_prefixes;
	/* list groups */
	uint32_t *gs = malloc(sizeof(uint32_t) * (M + 1)), ng = 0;
	for (uint32_t i = 0, g = 0; i < M; g++) { gs[ng++] = i; i += nchunk(g); }
	uint32_t *ord = malloc(4 * ng);
	for (uint32_t i = 0; i < ng; i++) ord[i] = i;
	uint32_t r = 12345 + s->sid * 99991;			/* every sender has its own order */
	for (uint32_t i = ng - 1; i > 0; i--) { r = mix(r + i); uint32_t j = r % (i + 1), t = ord[i]; ord[i] = ord[j]; ord[j] = t; }
	size_t cap = (size_t)ng * 120 + (size_t)M * 5 + 65536;
	uint8_t *b = malloc(cap), *p = b;
	for (uint32_t k = 0; k < ng; k++) {
		uint32_t g = ord[k], i = gs[g], e = g + 1 < ng ? gs[g + 1] : M;
		int rank = -1;
		if (o_overlap) { rank = (int)((s->sid + o_senders - g % o_senders) % o_senders); if (rank > 2) rank = 2; }
		uint32_t a = o_attrs ? mix(g) % o_attrs : g;
		uint8_t *m = p;
		p += 19; p = p16(p, 0); uint8_t *al = p; p += 2;
		p = put_attrs(p, s, a, rank); p16(al, p - al - 2);
		for (; i < e; i++) p = put_pfx(p, lo + i);
		hdr(m, p - m, 2); s->ann_msgs++;
		if ((size_t)(p - b) + 8192 > cap) die("cap");
	}
	hdr(p, 23, 2); memset(p + 19, 0, 4); p += 23;		/* End-of-RIB */
	s->ann_blob = b; s->ann_len = p - b;
	b = p = malloc((size_t)M * 5 + M / 500 * 32 + 8192);
	for (uint32_t k = 0; k < ng; ) {
		uint8_t *m = p; p += 21;
		while (k < ng) {
			uint32_t g = ord[k], i = gs[g], e = g + 1 < ng ? gs[g + 1] : M;
			if (p - m + 4 * (e - i) + 2 > 4090) break;
			for (; i < e; i++) p = put_pfx(p, lo + i);
			k++;
		}
		p16(m + 19, p - m - 21); p = p16(p, 0); hdr(m, p - m, 2);
	}
	s->wd_blob = b; s->wd_len = p - b;
	free(gs); free(ord);
}

static void ctl(Peer *p, const uint8_t *m, int n)
{
	if (p->ctl_off == p->ctl_len) p->ctl_off = p->ctl_len = 0;
	if (p->ctl_len + n > (int)sizeof p->ctl) return;
	memcpy(p->ctl + p->ctl_len, m, n); p->ctl_len += n;
}
static int build_open(uint8_t *m, uint32_t as, uint32_t id)
{
	uint8_t *p = m + 19;
	*p++ = 4; p = p16(p, as > 65535 ? 23456 : as); p = p16(p, 180); p = p32(p, id);
	uint8_t *ol = p++; *p++ = 2; uint8_t *cl = p++;
	*p++ = 1; *p++ = 4; p = p16(p, 1); *p++ = 0; *p++ = 1;	/* MP ipv4 unicast */
	*p++ = 2; *p++ = 0;					/* route refresh */
	*p++ = 65; *p++ = 4; p = p32(p, as);			/* 4-byte AS */
	*cl = p - cl - 1; *ol = p - ol - 1;
	hdr(m, p - m, 1);
	return p - m;
}
static uint32_t interest(const Peer *p) { return p->stalled && p->st == UP ? 0 : EPOLLIN; }
static void mod(Peer *p, int out)
{
	if (p->want_out == out) return;
	struct epoll_event e = { .events = interest(p) | (out ? EPOLLOUT : 0), .data.ptr = p };
	epoll_ctl(ep, EPOLL_CTL_MOD, p->fd, &e); p->want_out = out;
}
static void drop(Peer *p, int expected, const char *why)
{
	if (!expected) {
		if (p->st == UP) {
			errors++;
			if (!*first_error) { snprintf(errbuf, sizeof errbuf, "peer %08x: %s", p->addr, why); first_error = errbuf; }
		}
		if (verbose || p->st == UP) fprintf(stderr, "peer %s%d dropped in state %d: %s\n", p->sid >= 0 ? "s" : "r", (int)(p - peers), p->st, why);
	}
	if (p->fd >= 0) close(p->fd);
	p->fd = -1; p->st = IDLE; p->in_len = 0; p->ctl_len = p->ctl_off = 0; p->blob = NULL; p->blob_len = p->blob_off = 0;
	p->next_try = now() + 0.1;
}
static int flush_out(Peer *p)
{
	size_t budget = 512 * 1024;
	for (;;) {
		if (p->ctl_off < p->ctl_len && (p->blob == NULL || p->blob_off == 0)) {
			ssize_t n = send(p->fd, p->ctl + p->ctl_off, p->ctl_len - p->ctl_off, MSG_NOSIGNAL | MSG_DONTWAIT);
			if (n < 0) { if (errno == EAGAIN) { mod(p, 1); return 0; } drop(p, 0, strerror(errno)); return -1; }
			p->ctl_off += n; continue;
		}
		if (p->blob && p->st == UP) {
			size_t n = p->blob_len - p->blob_off; if (n > 262144) n = 262144;
			ssize_t w = send(p->fd, p->blob + p->blob_off, n, MSG_NOSIGNAL | MSG_DONTWAIT);
			if (w < 0) { if (errno == EAGAIN) { mod(p, 1); return 0; } drop(p, 0, strerror(errno)); return -1; }
			p->blob_off += w; p->last_ka = now();
			if (p->blob_off == p->blob_len) { p->blob = NULL; p->blob_off = p->blob_len = 0; p->t_sent = now(); continue; }
			if ((size_t)w >= budget) { mod(p, 1); return 0; }
			budget -= w; continue;
		}
		break;
	}
	mod(p, 0);
	return 0;
}
static void start_connect(Peer *p)
{
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(p->addr) };
	if (bind(fd, (void *)&a, sizeof a) < 0) die("bind %08x: %s", p->addr, strerror(errno));
	a.sin_addr.s_addr = htonl(o_dut); a.sin_port = htons(o_port);
	int r = connect(fd, (void *)&a, sizeof a);
	if (r < 0 && errno != EINPROGRESS) { close(fd); p->next_try = now() + 0.2; return; }
	p->fd = fd; p->st = CONNECTING; p->want_out = 1; p->t_start = now();
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT, .data.ptr = p };
	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
}
static int unconverged(void)
{
	int n = 0;
	for (int i = 0; i < npeers; i++) if (peers[i].recv && peers[i].enabled && peers[i].ok != P) n++;
	return n;
}
static int not_conv;

static inline void set_state(Peer *p, uint32_t i, uint16_t v)
{
	/* own path reflected back (FRR does): a real client drops it by ORIGINATOR_ID */
	if (p->sid >= 0 && v == p->sid + 1) v = 0;
	uint16_t o = p->state[i]; if (o == v) return;
	uint16_t w = expect(p, i);
	p->state[i] = v;
	if (o == w) { if (p->ok-- == P && p->enabled) not_conv++; }
	else if (v == w) { if (++p->ok == P && p->enabled) { not_conv--; p->t_conv = now(); } }
}
static int bad_nlri;
static inline const uint8_t *get_pfx(const uint8_t *q, const uint8_t *e, uint32_t *idx)
{
	int l = *q++, n = (l + 7) / 8; uint32_t a = 0;
	if (q + n > e) { bad_nlri++; *idx = UINT32_MAX; return e; }
	for (int k = 0; k < n; k++) a |= (uint32_t)q[k] << (24 - 8 * k);
	uint32_t i = (a - BASE_PFX) >> (o_plen == 26 ? 6 : 8);
	*idx = (i < P && pfx_len(i) == l) ? i : (bad_nlri++, UINT32_MAX);
	return q + n;
}
static void on_update(Peer *p, const uint8_t *m, int len)
{
	const uint8_t *e = m + len, *q = m + 19;
	p->upd++;
	unsigned wl = g16(q); q += 2;
	const uint8_t *we = q + wl; uint32_t i;
	if (we + 2 > e) { bad_nlri++; return; }
	while (q < we) { q = get_pfx(q, we, &i); if (i != UINT32_MAX) { p->wd++; set_state(p, i, 0); } }
	unsigned al = g16(q); q += 2;
	const uint8_t *ae = q + al;
	if (ae > e) { bad_nlri++; return; }
	int sid = -1;
	while (q < ae) {
		int fl = q[0], ty = q[1]; unsigned l; const uint8_t *v;
		if (fl & 0x10) { l = g16(q + 2); v = q + 4; } else { l = q[2]; v = q + 3; }
		if (ty == 2 && !o_ibgp && l >= 6) {
			uint32_t as = g32(v + 2);
			if (as == o_dutas && v[1] > 1) as = g32(v + 6);
			sid = (int)(as - SENDER_AS);
		} else if (ty == 3 && o_ibgp) {
			uint32_t x = g32(v) - o_net; int hi = x >> 8, lw = x & 255;
			sid = (hi - 1) * 250 + lw - 1;
		}
		q = v + l;
	}
	uint16_t st = (sid >= 0 && sid < o_senders) ? sid + 1 : 0xffff;
	while (q < e) { q = get_pfx(q, e, &i); if (i != UINT32_MAX) { p->ann++; set_state(p, i, st); } }
}
static void on_msgs(Peer *p)
{
	size_t off = 0; uint8_t buf[64];
	while (p->in_len - off >= 19) {
		uint8_t *m = p->in + off; unsigned l = g16(m + 16);
		if (l < 19 || l > 65535) { drop(p, 0, "bad length"); return; }
		if (p->in_len - off < l) break;
		switch (m[18]) {
		case 1: hdr(buf, 19, 4); ctl(p, buf, 19); if (p->st == OPENSENT) p->st = OPENCONFIRM; flush_out(p); break;
		case 2: if (p->recv) on_update(p, m, l); break;
		case 3: { char t[80]; snprintf(t, sizeof t, "NOTIFICATION %d/%d", m[19], m[20]); drop(p, 0, t); return; }
		case 4:
			if (p->st != OPENCONFIRM) break;
			p->st = UP; p->t_up = p->last_ka = now();
			if (p->stalled) {		/* from here on it never reads */
				struct epoll_event e = { .events = interest(p) | (p->want_out ? EPOLLOUT : 0), .data.ptr = p };
				epoll_ctl(ep, EPOLL_CTL_MOD, p->fd, &e);
			}
			break;
		}
		if (p->fd < 0) return;
		off += l;
	}
	memmove(p->in, p->in + off, p->in_len - off); p->in_len -= off;
}
static void on_read(Peer *p)
{
	for (int k = 0; k < 2; k++) {
		ssize_t n = recv(p->fd, p->in + p->in_len, INBUF - p->in_len, MSG_DONTWAIT);
		if (n == 0) { drop(p, 0, "EOF"); return; }
		if (n < 0) { if (errno != EAGAIN) drop(p, 0, strerror(errno)); return; }
		uint64_t u = p->upd;
		p->bytes += n; p->in_len += n;
		on_msgs(p);
		if (p->fd < 0) return;
		if (p->upd != u) { p->t_last = now(); if (!p->t_first) p->t_first = p->t_last; }
		if (!interest(p)) return;
	}
}
/*
 * Queries whose answers nobody reads.  The load opens one each time the receivers hold another quarter of the routes
 * (the first at a twentieth), so that each walks over a table with something in it while routes arrive.
 */
#define CLIENTS 4
static int nclients;
static void stalled_client(void)
{
	static const double share[CLIENTS] = { 0.05, 0.25, 0.5, 0.75 };
	if (!o_control || nclients == CLIENTS) return;
	uint64_t have = 0, all = 0;
	for (int i = 0; i < npeers; i++) if (peers[i].recv && peers[i].enabled) { have += peers[i].ok; all += P; }
	if (have < all * share[nclients]) return;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	if (strlen(o_control) >= sizeof a.sun_path) die("socket path too long");
	strcpy(a.sun_path, o_control);
	if (fd < 0 || connect(fd, (void *)&a, sizeof a) < 0) die("connect %s: %s", o_control, strerror(errno));
	if (send(fd, o_request, strlen(o_request), MSG_NOSIGNAL) < 0) die("request: %s", strerror(errno));
	nclients++;				/* stays open until the end */
}
static void pump(int ms)
{
	static double last_tick;
	struct epoll_event ev[256];
	int n = epoll_wait(ep, ev, 256, ms);
	for (int i = 0; i < n; i++) {
		Peer *p = ev[i].data.ptr;
		if (p->fd < 0) continue;
		if (p->st == CONNECTING) {
			int err = 0; socklen_t l = sizeof err;
			getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &err, &l);
			if (err) { drop(p, 0, strerror(err)); continue; }
			if (!(ev[i].events & EPOLLOUT)) continue;
			uint8_t m[128]; int k = build_open(m, p->as, p->addr);
			p->st = OPENSENT; ctl(p, m, k);
			if (flush_out(p) < 0) continue;
		}
		if (ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) on_read(p);
		if (p->fd >= 0 && (ev[i].events & EPOLLOUT)) flush_out(p);
	}
	double t = now();
	if (t - last_tick > 0.05) {
		last_tick = t;
		for (int i = 0; i < npeers; i++) {
			Peer *p = &peers[i];
			if (!p->enabled) continue;
			if (p->st == IDLE && t >= p->next_try) start_connect(p);
			if (p->st > IDLE && p->st < UP && t - p->t_start > 5) drop(p, 0, "handshake timeout");
			if (p->st == UP && t - p->last_ka > 20) { uint8_t k[19]; hdr(k, 19, 4); ctl(p, k, 19); p->last_ka = t; flush_out(p); }
		}
	}
}

/* ---- phases ---- */
static int nphase;
static Sample s0; static double c0, T0;
static Thread th0[MAXTHREADS]; static int nth0;
static void phase_begin(void) { reset_hwm(); nth0 = sample_threads(th0); s0 = sample(); c0 = cpu_self(); T0 = now(); }
static int cmpd(const void *a, const void *b) { double x = *(double *)a, y = *(double *)b; return x < y ? -1 : x > y; }

/* run until converged + DUT idle; prints the JSON object of the phase */
static int phase_end(const char *name, double clock0, const char *extra)
{
	int to = 0;
	static Thread conv_threads[MAXTHREADS], end_threads[MAXTHREADS];
	while (not_conv) {
		pump(20);
		stalled_client();
		if (now() - clock0 > o_timeout) { to = 1; break; }
		if (errors) { to = 2; break; }
	}
	double tend = now();
	int nconv = sample_threads(conv_threads);
	Sample a = sample(); double lastcpu = a.user + a.sys, t = now(), tq = t; int quiet = 0;
	while (quiet < 3 && now() - tq < o_quiet) {
		pump(20);
		if (now() - t >= 0.2) {
			a = sample(); double c = a.user + a.sys;
			quiet = (c - lastcpu <= 0.011) ? quiet + 1 : 0;
			lastcpu = c; t = now();
		}
	}
	if (not_conv && !to) to = 3;			/* converged, then diverged again */
	Sample s = sample();
	double *tc = malloc(sizeof(double) * (npeers + 1)); int n = 0;
	double tl = 0, tf = 0; uint64_t ann = 0, wd = 0, upd = 0, by = 0; uint32_t missing = 0; double ts = 0;
	for (int i = 0; i < npeers; i++) {
		Peer *p = &peers[i];
		if (p->sid >= 0 && p->t_sent > ts) ts = p->t_sent;
		if (!p->recv || !p->enabled) continue;
		if (p->t_conv) tc[n++] = p->t_conv - clock0;
		if (p->t_last > tl) tl = p->t_last;
		if (p->t_first && (!tf || p->t_first < tf)) tf = p->t_first;
		ann += p->ann; wd += p->wd; upd += p->upd; by += p->bytes; missing += P - p->ok;
	}
	qsort(tc, n, sizeof *tc, cmpd);
	double conv = to ? tend - clock0 : n ? tc[n - 1] : 0;
	printf("%s{\"phase\":\"%s\",\"ok\":%s,\"wall\":%.4f,\"wall_first_peer\":%.4f,\"wall_median_peer\":%.4f,\"t_first_update\":%.4f,\"t_last_update\":%.4f,\"t_sent\":%.4f,"
		"\"announced\":%llu,\"withdrawn\":%llu,\"updates\":%llu,\"bytes\":%llu,\"missing\":%u,\"prefixes_per_s\":%.0f,"
		"\"cpu\":%.2f,\"cpu_user\":%.2f,\"cpu_sys\":%.2f,\"tool_cpu\":%.2f,\"rss_kb\":%ld,\"hwm_kb\":%ld,\"threads\":%d%s%s",
		nphase++ ? ",\n  " : "", name, to ? "false" : "true", conv, n ? tc[0] : 0, n ? tc[n / 2] : 0, tf ? tf - clock0 : 0, tl ? tl - clock0 : 0, ts > clock0 ? ts - clock0 : 0,
		(unsigned long long)ann, (unsigned long long)wd, (unsigned long long)upd, (unsigned long long)by, missing, conv > 0 ? (ann + wd) / conv : 0,
		s.user + s.sys - s0.user - s0.sys, s.user - s0.user, s.sys - s0.sys, cpu_self() - c0, s.rss, s.hwm, s.threads, extra && *extra ? "," : "", extra ? extra : "");
	print_threads("threads_converged", th0, nth0, conv_threads, nconv);
	print_threads("threads_quiet", th0, nth0, end_threads, sample_threads(end_threads));
	if (o_stall || o_control) {
		int up = 0;
		for (int i = 0; i < npeers; i++) up += peers[i].stalled && peers[i].st == UP;
		printf(",\"stalled_peers\":%d,\"stalled_clients\":%d", up, nclients);
	}
	printf("}");
	fflush(stdout);
	free(tc);
	return to;
}
static int all_up(void)
{ for (int i = 0; i < npeers; i++) if (peers[i].enabled && peers[i].st != UP) return 0; return 1; }
static void settle(double s) { double t = now(); while (now() - t < s) pump(20); }
static void send_blob(Peer *p, const uint8_t *b, size_t n) { p->blob = b; p->blob_len = n; p->blob_off = 0; flush_out(p); }

/*
 * One node of many changes: sender 0 withdraws and announces its prefixes in turn, many times.  The time of a change
 * runs from the send to the moment when the last other peer holds the expected state; "first" to the first UPDATE
 * that arrives anywhere.
 */
#define CHANGES 60
static int node_changes(void)
{
	static double all[CHANGES], first[CHANGES];
	int k, to = 0;
	uint64_t ann = 0, wd = 0, upd = 0, by = 0;
	phase_begin();
	for (k = 0; k < CHANGES && !to && !errors; k++) {
		int w = !(k & 1);
		down_sender = w ? 0 : -1;
		retarget(); not_conv = unconverged();
		double t = now();
		send_blob(&peers[0], w ? peers[0].wd_blob : peers[0].ann_blob, w ? peers[0].wd_len : peers[0].ann_len);
		while (not_conv && !errors) { pump(20); if (now() - t > o_timeout) { to = 1; break; } }
		double tc = t, tf = 0;
		for (int i = 0; i < npeers; i++) {
			Peer *p = &peers[i];
			if (!p->recv || !p->enabled) continue;
			if (p->t_conv > tc) tc = p->t_conv;
			if (p->t_first && (!tf || p->t_first < tf)) tf = p->t_first;
			ann += p->ann; wd += p->wd; upd += p->upd; by += p->bytes;
		}
		all[k] = tc - t; first[k] = tf ? tf - t : 0;
		settle(0.02);
	}
	Sample s = sample();
	qsort(all, k, sizeof *all, cmpd); qsort(first, k, sizeof *first, cmpd);
	printf("%s{\"phase\":\"node\",\"ok\":%s,\"wall\":%.6f,\"p90\":%.6f,\"max\":%.6f,\"first\":%.6f,\"changes\":%d,"
		"\"announced\":%llu,\"withdrawn\":%llu,\"updates\":%llu,\"bytes\":%llu,\"missing\":%d,"
		"\"cpu\":%.2f,\"tool_cpu\":%.2f,\"rss_kb\":%ld,\"hwm_kb\":%ld,\"threads\":%d}",
		nphase++ ? ",\n  " : "", to || errors ? "false" : "true", k ? all[k / 2] : 0, k ? all[k * 9 / 10] : 0, k ? all[k - 1] : 0, k ? first[k / 2] : 0, k,
		(unsigned long long)ann, (unsigned long long)wd, (unsigned long long)upd, (unsigned long long)by, not_conv,
		s.user + s.sys - s0.user - s0.sys, cpu_self() - c0, s.rss, s.hwm, s.threads);
	fflush(stdout);
	return to;
}

/*
 * Lasting churn: ten times a second one sender after the other withdraws its whole table or announces it again, for
 * `seconds`.  A change is done when the last other peer holds the expected state; what takes longer than its tenth of
 * a second delays the next and is counted in "behind".
 */
static int churn(double seconds)
{
	int n = (int)(seconds * 10) & ~1, k, to = 0, behind = 0;
	double *all = calloc(n + 1, sizeof *all);
	long rss_begin, rss_half = 0;
	double cpu_half = 0;
	phase_begin();
	rss_begin = s0.rss;
	down_sender = -1; retarget(); not_conv = unconverged();
	uint64_t ann = 0, wd = 0, upd = 0, by = 0;
	double begin = now();
	for (k = 0; k < n && !to && !errors; k++) {
		double due = begin + k * 0.1;
		while (now() < due && !errors) { int ms = (int)((due - now()) * 1000); pump(ms < 1 ? 1 : ms); }
		if (now() - due > 0.05) behind++;
		int s = k / 2 % o_senders, w = !(k & 1);
		uint32_t lo = s * o_prefixes;
		for (uint32_t i = lo; i < lo + o_prefixes; i++) want[i] = w ? 0 : s + 1;
		not_conv = 0;
		for (int i = 0; i < npeers; i++) {
			Peer *p = &peers[i];
			if (!p->recv) continue;
			p->t_conv = 0;
			for (uint32_t x = lo; p->sid != s && x < lo + o_prefixes; x++) {
				uint16_t old = w ? s + 1 : 0;
				p->ok += (p->state[x] == want[x]) - (p->state[x] == old);
			}
			not_conv += p->enabled && p->ok != P;
		}
		double t = now();
		send_blob(&peers[s], w ? peers[s].wd_blob : peers[s].ann_blob, w ? peers[s].wd_len : peers[s].ann_len);
		while (not_conv && !errors) { pump(20); if (now() - t > 10) { to = 1; break; } }
		double tc = t;
		for (int i = 0; i < npeers; i++) if (peers[i].recv && peers[i].enabled && peers[i].t_conv > tc) tc = peers[i].t_conv;
		all[k] = tc - t;
		if (k == n / 2) { Sample h = sample(); rss_half = h.rss; cpu_half = h.user + h.sys - s0.user - s0.sys; }
	}
	for (int i = 0; i < npeers; i++) { ann += peers[i].ann; wd += peers[i].wd; upd += peers[i].upd; by += peers[i].bytes; }
	Sample s = sample();
	double cpu = s.user + s.sys - s0.user - s0.sys, wall = now() - begin;
	qsort(all, k, sizeof *all, cmpd);
	printf("%s{\"phase\":\"churn\",\"ok\":%s,\"wall\":%.6f,\"p99\":%.6f,\"max\":%.6f,\"seconds\":%.1f,\"changes\":%d,\"behind\":%d,"
		"\"announced\":%llu,\"withdrawn\":%llu,\"updates\":%llu,\"bytes\":%llu,\"missing\":%d,"
		"\"cpu\":%.2f,\"cpu_first_half\":%.2f,\"tool_cpu\":%.2f,\"rss_begin_kb\":%ld,\"rss_half_kb\":%ld,\"rss_kb\":%ld,\"hwm_kb\":%ld,\"threads\":%d}",
		nphase++ ? ",\n  " : "", to || errors ? "false" : "true", k ? all[k / 2] : 0, k ? all[k * 99 / 100] : 0, k ? all[k - 1] : 0, wall, k, behind,
		(unsigned long long)ann, (unsigned long long)wd, (unsigned long long)upd, (unsigned long long)by, not_conv,
		cpu, cpu_half, cpu_self() - c0, rss_begin, rss_half, s.rss, s.hwm, s.threads);
	fflush(stdout);
	free(all);
	return to;
}

static int relay(void);

int main(int argc, char **argv)
{
	static struct option lo[] = {
		{"dut", 1, 0, 'd'}, {"port", 1, 0, 'P'}, {"dut-as", 1, 0, 'A'}, {"net", 1, 0, 'N'}, {"senders", 1, 0, 's'}, {"receivers", 1, 0, 'r'},
		{"prefixes", 1, 0, 'm'}, {"attrs", 1, 0, 'k'}, {"group", 1, 0, 'g'}, {"overlap", 0, 0, 'o'}, {"ibgp", 0, 0, 'i'}, {"both", 0, 0, 'b'},
		{"plen", 1, 0, 'l'}, {"empty-path", 0, 0, 'e'}, {"late", 1, 0, 'L'}, {"phases", 1, 0, 'p'}, {"timeout", 1, 0, 't'}, {"setup-timeout", 1, 0, 'T'},
		{"stall", 1, 0, 'S'}, {"control", 1, 0, 'C'}, {"request", 1, 0, 'Q'}, {"quiet", 1, 0, 'q'},
		{"pids", 1, 0, 'x'}, {"churn", 1, 0, 'c'}, {"relay", 0, 0, 'R'}, {"verbose", 0, 0, 'v'}, {0}};
	int c; struct in_addr ia;
	signal(SIGPIPE, SIG_IGN);
	while ((c = getopt_long(argc, argv, "", lo, NULL)) != -1) switch (c) {
		case 'd': if (!inet_aton(optarg, &ia)) die("addr"); o_dut = ntohl(ia.s_addr); break;
		case 'N': if (!inet_aton(optarg, &ia)) die("addr"); o_net = ntohl(ia.s_addr); break;
		case 'P': o_port = atoi(optarg); break;
		case 'A': o_dutas = strtoul(optarg, 0, 10); break;
		case 's': o_senders = atoi(optarg); break;
		case 'r': o_receivers = atoi(optarg); break;
		case 'm': o_prefixes = atoi(optarg); break;
		case 'k': o_attrs = atoi(optarg); break;
		case 'g': o_group = atoi(optarg); break;
		case 'o': o_overlap = 1; break;
		case 'i': o_ibgp = 1; break;
		case 'b': o_both = 1; break;
		case 'l': o_plen = atoi(optarg); break;
		case 'e': o_emptypath = 1; break;
		case 'L': o_late = atoi(optarg); break;
		case 'p': o_phases = optarg; break;
		case 't': o_timeout = atof(optarg); break;
		case 'T': o_setup_timeout = atof(optarg); break;
		case 'x': for (char *q = strtok(optarg, ","); q && npids < 64; q = strtok(NULL, ",")) pids[npids++] = atoi(q); break;
		case 'S': o_stall = atoi(optarg); break;
		case 'C': o_control = optarg; break;
		case 'Q': o_request = optarg; break;
		case 'q': o_quiet = atof(optarg); break;
		case 'c': o_churn = atof(optarg); break;
		case 'R': o_relay = 1; break;
		case 'v': verbose = 1; break;
		default: die("bad option");
	}
	if (o_relay) return relay();
	P = o_overlap ? o_prefixes : o_prefixes * o_senders;
	ep = epoll_create1(EPOLL_CLOEXEC);
	if (o_control && !o_request) die("--control needs --request");
	npeers = o_senders + o_receivers + o_late + o_stall;
	peers = calloc(npeers, sizeof *peers);
	want = calloc(P, 2);
	grp_of = calloc(P, 4);
	for (uint32_t i = 0, g = 0; i < o_prefixes; g++) for (int k = nchunk(g); k > 0 && i < o_prefixes; k--) grp_of[i++] = g;
	double te = now(); size_t out = 0, msgs = 0;
	for (int i = 0; i < npeers; i++) {
		Peer *p = &peers[i];
		p->sid = i < o_senders ? i : -1; p->fd = -1;
		p->stalled = i >= o_senders + o_receivers + o_late;
		p->recv = !p->stalled && (p->sid < 0 || o_both);
		p->late = !p->stalled && i >= o_senders + o_receivers; p->enabled = !p->late;
		int j = p->sid >= 0 ? i : i - o_senders;
		p->addr = o_net + ((p->sid >= 0 ? 1 : 101) + j / 250) * 256 + 1 + j % 250;
		p->as = o_ibgp ? o_dutas : (p->sid >= 0 ? SENDER_AS : RECEIVER_AS) + j;
		p->in = malloc(INBUF);
		if (p->recv) p->state = calloc(P, 2);
		if (p->sid >= 0) { encode(p); out += p->ann_len; msgs += p->ann_msgs; }
	}
	printf("{\"senders\":%d,\"receivers\":%d,\"prefixes_per_sender\":%u,\"distinct_prefixes\":%u,\"updates_out\":%zu,\"bytes_out\":%zu,\"encode_s\":%.2f,\n \"phases\":[\n  ",
		o_senders, o_receivers, o_prefixes, P, msgs, out, now() - te);
	fflush(stdout);

	/* sessions up (want = all absent) */
	int rc = 0;
	phase_begin();
	double t = now();
	while (!all_up()) { pump(10); if (now() - t > o_setup_timeout) { errors++; first_error = "session setup timeout"; break; } }
	{
		Sample s = sample(); int up = 0; for (int i = 0; i < npeers; i++) up += peers[i].st == UP;
		settle(1.5); s = sample();
		printf("%s{\"phase\":\"sessions\",\"ok\":%s,\"wall\":%.4f,\"up\":%d,\"cpu\":%.2f,\"rss_kb\":%ld,\"hwm_kb\":%ld,\"threads\":%d}", nphase++ ? "," : "", errors ? "false" : "true",
			now() - t - 1.5, up, s.user + s.sys - s0.user - s0.sys, s.rss, s.hwm, s.threads);
		fflush(stdout);
	}
	char *ph = strdup(o_phases), *sv = NULL;
	for (char *n = strtok_r(ph, ",", &sv); n && !errors && !rc; n = strtok_r(NULL, ",", &sv)) {
		char extra[160] = "";
		if (!strcmp(n, "load")) {
			retarget(); not_conv = unconverged(); phase_begin();
			for (int i = 0; i < npeers; i++) if (peers[i].sid >= 0) send_blob(&peers[i], peers[i].ann_blob, peers[i].ann_len);
			rc = phase_end("load", T0, extra);
		} else if (!strcmp(n, "late")) {
			retarget();
			phase_begin();
			for (int i = 0; i < npeers; i++) if (peers[i].late) { peers[i].enabled = 1; peers[i].next_try = 0; }
			not_conv = unconverged();
			double tt = now();
			while (!all_up() && now() - tt < o_timeout) pump(5);
			snprintf(extra, sizeof extra, "\"connect_s\":%.4f", now() - tt);
			rc = phase_end("late", T0, extra);
		} else if (!strcmp(n, "churn")) {
			if (o_overlap) die("churn: tables must not overlap");
			rc = churn(o_churn);
		} else if (!strcmp(n, "node")) {
			rc = node_changes();
		} else if (!strcmp(n, "withdraw") || !strcmp(n, "announce")) {
			int w = n[0] == 'w';
			down_sender = w ? 0 : -1;
			retarget(); not_conv = unconverged(); phase_begin();
			send_blob(&peers[0], w ? peers[0].wd_blob : peers[0].ann_blob, w ? peers[0].wd_len : peers[0].ann_len);
			rc = phase_end(n, T0, extra);
		} else if (!strcmp(n, "withdraw_all") || !strcmp(n, "announce_all")) {
			int w = n[0] == 'w';
			down_sender = -1; retarget();
			if (w) {		/* nothing is expected to remain */
				memset(want, 0, P * 2);
				for (int k = 0; k < npeers; k++) if (peers[k].recv) { uint32_t ok = 0; for (uint32_t i = 0; i < P; i++) ok += peers[k].state[i] == 0; peers[k].ok = ok; }
			}
			not_conv = unconverged(); phase_begin();
			for (int i = 0; i < npeers; i++) if (peers[i].sid >= 0) send_blob(&peers[i], w ? peers[i].wd_blob : peers[i].ann_blob, w ? peers[i].wd_len : peers[i].ann_len);
			rc = phase_end(n, T0, extra);
		} else if (!strcmp(n, "flap")) {
			Peer *p = &peers[0];
			down_sender = 0;
			retarget();
			p->enabled = 0;			/* a flapped sender that also receives is out of the expectation */
			not_conv = unconverged(); phase_begin();
			uint8_t m[21]; hdr(m, 21, 3); m[19] = 6; m[20] = 4;	/* Cease / Administrative Reset */
			if (send(p->fd, m, 21, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {}
			drop(p, 1, "");
			rc = phase_end("flap_down", T0, extra);
			if (rc) break;
			if (p->recv) memset(p->state, 0, P * 2);
			p->enabled = 1; p->next_try = 0;
			double tt = now();
			while (p->st != UP && now() - tt < o_timeout) pump(5);
			snprintf(extra, sizeof extra, "\"reconnect_s\":%.4f", now() - tt);
			down_sender = -1; retarget(); not_conv = unconverged(); phase_begin();
			if (p->st == UP) send_blob(p, p->ann_blob, p->ann_len);
			rc = phase_end("flap_up", T0, extra);
		} else die("unknown phase %s", n);
	}
	printf("],\n \"errors\":%d,\"bad_nlri\":%d,\"first_error\":\"%s\"}\n", errors, bad_nlri, first_error);
	return errors ? 1 : rc;
}

/* ---- null DUT: append every UPDATE of a sender to a log, fan the log out ---- */
typedef struct { int fd, is_sender, open; uint8_t *in; size_t in_len, off; int want_out; uint8_t ctl[256]; int cl; uint32_t addr; } RC;
static uint8_t *rlog; static size_t rlog_len, rlog_cap;
static int relay(void)
{
	static RC conns[4096]; int n = 0;
	int ls = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
	setsockopt(ls, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(o_dut), .sin_port = htons(o_port) };
	if (bind(ls, (void *)&a, sizeof a) < 0 || listen(ls, 1024) < 0) die("listen: %s", strerror(errno));
	ep = epoll_create1(0);
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = NULL }, ev[256];
	epoll_ctl(ep, EPOLL_CTL_ADD, ls, &e);
	rlog = malloc(rlog_cap = 1 << 28);
	for (;;) {
		int k = epoll_wait(ep, ev, 256, 1000); int grew = 0;
		for (int i = 0; i < k; i++) {
			RC *r = ev[i].data.ptr;
			if (!r) {
				socklen_t l = sizeof a; int fd = accept4(ls, (void *)&a, &l, SOCK_NONBLOCK);
				if (fd < 0 || n == 4096) continue;
				setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
				r = &conns[n++]; r->fd = fd; r->in = malloc(INBUF); r->addr = ntohl(a.sin_addr.s_addr);
				r->is_sender = ((r->addr - o_net) >> 8) < 101;
				e.data.ptr = r; e.events = EPOLLIN; epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
				continue;
			}
			if (r->fd < 0) continue;
			if (ev[i].events & (EPOLLIN | EPOLLHUP)) {
				ssize_t g = recv(r->fd, r->in + r->in_len, INBUF - r->in_len, 0);
				if (g <= 0) { if (g == 0 || errno != EAGAIN) { close(r->fd); r->fd = -1; } continue; }
				r->in_len += g; size_t off = 0;
				while (r->in_len - off >= 19) {
					uint8_t *m = r->in + off; unsigned l = g16(m + 16);
					if (r->in_len - off < l) break;
					if (m[18] == 1) {
						uint8_t b[160]; uint32_t as = o_dutas; int q = build_open(b, as, o_dut);
						hdr(b + q, 19, 4); if (send(r->fd, b, q + 19, MSG_NOSIGNAL) < 0) {} r->open = 1;
					} else if (m[18] == 2 && l > 23) {
						if (rlog_len + l > rlog_cap) rlog = realloc(rlog, rlog_cap *= 2);
						memcpy(rlog + rlog_len, m, l); rlog_len += l; grew = 1;
					}
					off += l;
				}
				memmove(r->in, r->in + off, r->in_len - off); r->in_len -= off;
			}
			if (ev[i].events & EPOLLOUT) { grew = 1; }
		}
		(void)grew;
		for (int i = 0; i < n; i++) {
			RC *r = &conns[i];
			if (r->fd < 0 || !r->open || (r->is_sender && !o_both)) continue;
			int blocked = 0;
			if (r->off < rlog_len) {
				size_t len = rlog_len - r->off; if (len > 1 << 18) len = 1 << 18;
				ssize_t w = send(r->fd, rlog + r->off, len, MSG_NOSIGNAL);
				if (w > 0) r->off += w;
				blocked = r->off < rlog_len;
			}
			if (blocked != r->want_out) { e.events = EPOLLIN | (blocked ? EPOLLOUT : 0); e.data.ptr = r; epoll_ctl(ep, EPOLL_CTL_MOD, r->fd, &e); r->want_out = blocked; }
		}
	}
	return 0;
}
