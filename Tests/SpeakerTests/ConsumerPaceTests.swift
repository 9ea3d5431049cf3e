import NIOCore
import Testing

@testable import Speaker

@Suite("Pace of those who are not peers")
struct ConsumerPaceTests {
    /// Lets peers take some microseconds of each millisecond for some windows.
    private func run(_ pace: inout ConsumerPace, peers: Int64, from begin: inout NIODeadline) {
        for _ in 0..<40 {
            pace.notePeers(begin, begin + .microseconds(peers))
            begin = begin + .milliseconds(1)
        }
    }

    @Test("Without load a kernel takes what it asks for, also when it takes the rest of the time")
    func idle() {
        var pace = ConsumerPace()
        var now = NIODeadline.now()
        #expect(pace.allowance(of: 256) == 256)
        pace.spend(256)
        #expect(pace.allowance(of: 256) == 256)
        self.run(&pace, peers: 300, from: &now)
        pace.spend(256)
        #expect(pace.allowance(of: 256) == 256)
        #expect(!pace.isLoaded(at: now))
    }

    @Test("While peers need the core a kernel gets its ration and no more, and all again afterwards")
    func loaded() {
        var pace = ConsumerPace()
        var now = NIODeadline.now()
        self.run(&pace, peers: 700, from: &now)
        #expect(pace.isLoaded(at: now))
        #expect(pace.allowance(of: 256) == ConsumerPace.ration)
        pace.spend(ConsumerPace.ration)
        #expect(pace.allowance(of: 256) == 0)
        self.run(&pace, peers: 700, from: &now)
        #expect(pace.allowance(of: 256) == ConsumerPace.ration)
        self.run(&pace, peers: 10, from: &now)
        #expect(pace.allowance(of: 256) == 256)
    }

    @Test("A core that went idle after load is not loaded")
    func afterwards() {
        var pace = ConsumerPace()
        var now = NIODeadline.now()
        self.run(&pace, peers: 900, from: &now)
        #expect(pace.isLoaded(at: now))
        #expect(!pace.isLoaded(at: now + .milliseconds(100)))
    }
}
