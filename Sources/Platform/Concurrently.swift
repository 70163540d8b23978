/// Runs independent pieces of work on up to `threads` threads and waits for all of them. Piece n runs on thread
/// n modulo the number of threads, so that which runs where does not depend on luck.
///
/// - Returns: the results in the order of the pieces.
/// - Throws: the error of the first piece, in that order, that failed; the others have still run.
package func concurrently<Value: Sendable>(
    threads: Int = ProcessorCount.available,
    _ pieces: [@Sendable () throws -> Value]
) throws -> [Value] {
    let workers = max(1, min(threads, pieces.count))
    var results = [Result<Value, any Error>?](repeating: nil, count: pieces.count)
    results.withUnsafeMutableBufferPointer { results in
        // Each place is written by one thread only.
        nonisolated(unsafe) let results = results
        parallelFor(workers, threads: workers) { own in
            for worker in own {
                for piece in stride(from: worker, to: pieces.count, by: workers) {
                    results[piece] = Result { try pieces[piece]() }
                }
            }
        }
    }
    return try results.compactMap { try $0?.get() }
}
