import Testing

@testable import NodeCore

@Suite("Pages of the start")
struct StartupPagesTests {
    @Test("Only unwritable file mappings without pages of their own are dropped")
    func choice() {
        let smaps = """
            55d0c0000000-55d0c0100000 r--p 00000000 fe:00 11 /usr/bin/martlet
            Rss:                 100 kB
            Anonymous:             0 kB
            VmFlags: rd mr mw me
            55d0c0100000-55d0c0200000 r-xp 00100000 fe:00 11 /usr/bin/martlet
            Anonymous:             0 kB
            55d0c0200000-55d0c0300000 r--p 00200000 fe:00 11 /usr/bin/martlet
            Anonymous:            64 kB
            55d0c0300000-55d0c0400000 rw-p 00300000 fe:00 11 /usr/bin/martlet
            Anonymous:             0 kB
            7f0000000000-7f0000100000 r-xp 00000000 00:00 0
            Anonymous:             0 kB
            7fff00000000-7fff00100000 r-xp 00000000 00:00 0 [vdso]
            Anonymous:             0 kB
            """
        #expect(
            StartupPages.droppable(in: smaps) == [
                0x55d0_c000_0000..<0x55d0_c010_0000, 0x55d0_c010_0000..<0x55d0_c020_0000,
            ]
        )
        #expect(StartupPages.droppable(in: "nonsense\n-: \nAnonymous:\n5-4 r--p 0 0 0 /a\nAnonymous: 0").isEmpty)
    }

    @Test("The process goes on after its own pages were dropped")
    func own() {
        #expect(StartupPages.release() > 0)
        #expect("a,b".split(separator: ",").map(String.init) == ["a", "b"])
    }
}
