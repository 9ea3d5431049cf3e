extension InternetTable {
    /// Lengths of IPv4 prefixes and how many of 100,000 have them; the mean is 22.93.
    public static let ipv4Lengths: [(length: UInt8, share: UInt32)] = [
        (24, 62_799), (22, 11_000), (23, 10_300), (21, 5100), (20, 4300), (19, 2500), (18, 1400), (16, 1350), (17, 820),
        (15, 200), (14, 120), (13, 60), (12, 30), (11, 12), (10, 5), (8, 2), (9, 2),
    ]

    /// Lengths of IPv6 prefixes and how many of 100,000 have them; the mean is 42.84.
    public static let ipv6Lengths: [(length: UInt8, share: UInt32)] = [
        (48, 42_540), (44, 11_000), (32, 10_300), (40, 8700), (36, 4600), (46, 4400), (47, 3300), (42, 2300),
        (29, 2200),
        (45, 1900), (33, 1500), (34, 1200), (38, 1100), (35, 800), (39, 800), (43, 800), (41, 650), (30, 600),
        (37, 500),
        (31, 350), (28, 230), (24, 60), (26, 40), (27, 40), (20, 20), (22, 20), (23, 20), (25, 20), (21, 10),
    ]

    /// Lengths of AS paths, prepending included, and how many of 10,000 have them; the mean is 5.40.
    public static let pathLengths: [(length: UInt8, share: UInt32)] = [
        (4, 2550), (5, 2350), (6, 1430), (3, 1300), (7, 900), (8, 480), (9, 300), (10, 190), (2, 150), (11, 110),
        (12, 75),
        (13, 45), (14, 35), (15, 25), (16, 15), (18, 15), (1, 10), (20, 10), (22, 4), (25, 3), (30, 3),
    ]
}
