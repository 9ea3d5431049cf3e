import BGPSession
import BGPWire
import Testing

/// Two peers with an in-memory network between them, in virtual time (milliseconds).
///
/// Each TCP connection delivers in order with random delays; connections run beside each other in any order. A crash
/// leaves the other side with a connection that answers the next message with a reset.
struct SimulatedNetwork {
    struct Node {
        var peer: PeerStateMachine
        var timers: [PeerTimer: Int] = [:]
        var sockets: [ConnectionID: Int] = [:]
        var up: Set<ConnectionID> = []
        var mostActions = 0
        var flaps = 0
    }

    struct Socket {
        /// Per node: its name for the connection, nil before it has one and after it let go.
        var names: [ConnectionID?]
        var lastDelivery = [0, 0]
        var isSilent = false
    }

    enum Happening {
        case timer(Int, PeerTimer, Int)
        case request(Int, to: Int)
        case confirmed(Int, to: Int)
        case message(Int, to: Int, SessionMessage)
        case closed(Int, to: Int)
        case input(Int, PeerInput)
        case crash(Int)
        case cut(Bool)
    }

    var nodes: [Node]
    var sockets: [Socket] = []
    var queue: [(time: Int, order: Int, happening: Happening)] = []
    var now = 0
    var order = 0
    var random: SplitMix
    var dropsRequests = false

    init(_ configurations: [SessionConfiguration], seed: UInt64) {
        self.nodes = configurations.map { Node(peer: PeerStateMachine(configuration: $0)) }
        self.random = SplitMix(seed: seed)
    }

    mutating func schedule(_ happening: Happening, after delay: Int) {
        self.order += 1
        self.queue.append((self.now + delay, self.order, happening))
    }

    /// Runs everything that is due before `end`.
    mutating func run(until end: Int) {
        while let index = self.queue.indices.min(by: {
            (self.queue[$0].time, self.queue[$0].order) < (self.queue[$1].time, self.queue[$1].order)
        }), self.queue[index].time < end {
            let (time, _, happening) = self.queue.remove(at: index)
            self.now = time
            self.perform(happening)
        }
        self.now = end
    }

    private mutating func perform(_ happening: Happening) {
        switch happening {
        case .timer(let node, let timer, let generation):
            guard self.nodes[node].timers[timer] == generation else { return }
            self.nodes[node].timers[timer] = nil
            self.give(node, .timerExpired(timer))
        case .request(let socket, let node):
            guard self.sockets[socket].names[1 - node] != nil else { return }
            if self.dropsRequests, Int.random(in: 0..<4, using: &self.random) == 0 {
                self.deliver(.closed(socket, to: 1 - node), on: socket, to: 1 - node)
                return
            }
            // The kernel confirms before the listener has decided.
            self.deliver(.confirmed(socket, to: 1 - node), on: socket, to: 1 - node)
            self.give(node, .connectionOffered, offered: socket)
        case .confirmed(let socket, let node):
            if let name = self.sockets[socket].names[node] { self.give(node, .connected(name)) }
        case .message(let socket, let node, let message):
            guard let name = self.sockets[socket].names[node] else {
                self.deliver(.closed(socket, to: 1 - node), on: socket, to: 1 - node)
                return
            }
            switch message {
            case .open(let open): self.give(node, .received(name, .open(open)))
            case .keepalive: self.give(node, .received(name, .keepalive))
            case .notification(let notification): self.give(node, .received(name, .notification(notification)))
            }
        case .closed(let socket, let node):
            guard let name = self.sockets[socket].names[node] else { return }
            self.sockets[socket].names[node] = nil
            self.give(node, .connectionFailed(name, nil))
        case .input(let node, let input): self.give(node, input)
        case .crash(let node):
            for socket in self.sockets.indices { self.sockets[socket].names[node] = nil }
            self.nodes[node].timers = [:]
            self.nodes[node].up = []
            self.nodes[node].peer = PeerStateMachine(configuration: self.nodes[node].peer.configuration)
            self.schedule(.input(node, .start), after: Int.random(in: 0..<3000, using: &self.random))
        case .cut(let reports):
            for socket in self.sockets.indices where self.sockets[socket].names.contains(where: { $0 != nil }) {
                self.sockets[socket].isSilent = true
                guard reports else { continue }
                for node in 0...1 { self.schedule(.closed(socket, to: node), after: 1) }
            }
        }
    }

    private mutating func deliver(_ happening: Happening, on socket: Int, to node: Int) {
        let time = max(
            self.sockets[socket].lastDelivery[node] + 1,
            self.now + Int.random(in: 1..<40, using: &self.random)
        )
        self.sockets[socket].lastDelivery[node] = time
        self.order += 1
        self.queue.append((time, self.order, happening))
    }

    private mutating func give(_ node: Int, _ input: PeerInput, offered: Int? = nil) {
        let actions = self.nodes[node].peer.handle(input)
        self.nodes[node].mostActions = max(self.nodes[node].mostActions, actions.count)
        for action in actions { self.execute(action, of: node, offered: offered) }
    }

    private mutating func execute(_ action: PeerAction, of node: Int, offered: Int?) {
        switch action {
        case .connect(let name):
            var names: [ConnectionID?] = [nil, nil]
            names[node] = name
            self.sockets.append(Socket(names: names))
            self.nodes[node].sockets[name] = self.sockets.count - 1
            self.deliver(.request(self.sockets.count - 1, to: 1 - node), on: self.sockets.count - 1, to: 1 - node)
        case .accept(let name):
            guard let offered else { return }
            self.sockets[offered].names[node] = name
            self.nodes[node].sockets[name] = offered
        case .refuse:
            guard let offered else { return }
            self.deliver(.closed(offered, to: 1 - node), on: offered, to: 1 - node)
        case .send(let name, let message):
            guard let socket = self.nodes[node].sockets[name], self.sockets[socket].names[node] == name else {
                Issue.record("\(message) on \(name), which is closed")
                return
            }
            guard !self.sockets[socket].isSilent else { return }
            self.schedule(.input(node, .dataAccepted(name)), after: 0)
            self.deliver(.message(socket, to: 1 - node, message), on: socket, to: 1 - node)
        case .close(let name), .abort(let name):
            guard let socket = self.nodes[node].sockets[name] else { return }
            self.sockets[socket].names[node] = nil
            guard !self.sockets[socket].isSilent else { return }
            self.deliver(.closed(socket, to: 1 - node), on: socket, to: 1 - node)
        case .arm(let timer, let duration):
            self.order += 1
            self.nodes[node].timers[timer] = self.order
            let delay = timer.timer.delay(duration, random: UInt16.random(in: 0...UInt16.max, using: &self.random))
            self.schedule(
                .timer(node, timer, self.nodes[node].timers[timer] ?? 0),
                after: Int(delay / .milliseconds(1))
            )
        case .cancel(let timers, let name):
            for timer in timers.timers { self.nodes[node].timers[PeerTimer(timer, of: name)] = nil }
        case .established(let name, _):
            #expect(self.nodes[node].up.isEmpty, "a second session came up")
            self.nodes[node].up.insert(name)
        case .down(let name, _, _):
            #expect(self.nodes[node].up == [name], "a session went down that was not up")
            self.nodes[node].up.remove(name)
            self.nodes[node].flaps += 1
        case .deliverUpdate, .deliverRouteRefresh, .stateChanged: break
        }
    }

    /// Whether both are Established with each other, on one connection, and there is no other.
    var isSettled: Bool {
        guard let first = self.nodes[0].peer.establishedConnection,
            let second = self.nodes[1].peer.establishedConnection
        else { return false }
        let open = self.sockets.indices.filter { self.sockets[$0].names.contains { $0 != nil } }
        return open.count == 1 && self.sockets[open[0]].names == [first, second]
            && self.nodes.allSatisfy { $0.up.count == 1 }
    }
}
