import Platform
import Testing

@Suite("Independent pieces of work")
struct ConcurrentlyTests {
    struct Failure: Error, Equatable { var piece: Int }

    @Test("results come in the order of the pieces, on any number of threads", arguments: [1, 2, 3, 16])
    func order(threads: Int) throws {
        let pieces = (0..<7).map { n in { @Sendable in n * n } }
        #expect(try concurrently(threads: threads, pieces) == [0, 1, 4, 9, 16, 25, 36])
        #expect(try concurrently(threads: threads, [@Sendable () throws -> Int]()).isEmpty)
    }

    @Test("the first failure in order is thrown", arguments: [1, 2, 5])
    func failure(threads: Int) {
        let pieces = (0..<6).map { n in
            { @Sendable () throws -> Int in if n >= 2 { throw Failure(piece: n) } else { n } }
        }
        #expect(throws: Failure(piece: 2)) { try concurrently(threads: threads, pieces) }
    }
}
