/// What the network is unsure about in one slice of its grid, but for the edges.
///
/// Every edge has pixels with scores between 0 and 1, as it runs through them; they do not say that it is in the wrong place. A
/// consolidation of which the network does not know whether it is lung is a region of such pixels. So only doubt in
/// regions counts in which a cross of three by three pixels fits (an opening).
struct WideDoubt {
    /// A score nearer to 0 or 1 than this is no doubt.
    static let sureness: Float = 0.02

    private let columns: Int
    private let rows: Int
    /// Pixels in doubt; those in the middle of a cross of such pixels. Kept for the next channel.
    private var doubted: [Bool]
    private var middles: [Bool]

    init(columns: Int, rows: Int) {
        self.columns = columns
        self.rows = rows
        doubted = [Bool](repeating: false, count: columns * rows)
        middles = doubted
    }

    /// How many pixels of the slice are expected to be wrong: `min(p, 1 - p)` summed over the pixels in wide regions of doubt.
    ///
    /// - Parameter score: of a pixel, `i + columns * j`. Not a number is no doubt: it never wins, see `DecisionRule`.
    @inline(__always)
    mutating func expectedErrors(score: (Int) -> Float) -> Double {
        var isAnywhere = false
        for n in doubted.indices {
            let p = score(n)
            doubted[n] = p > Self.sureness && p < 1 - Self.sureness
            isAnywhere = isAnywhere || doubted[n]
            middles[n] = false
        }
        // Slices beside the structure.
        guard isAnywhere, columns > 2, rows > 2 else { return 0 }
        for j in 1..<rows - 1 {
            for n in columns * j + 1..<columns * (j + 1) - 1 {
                middles[n] =
                    doubted[n] && doubted[n - 1] && doubted[n + 1] && doubted[n - columns] && doubted[n + columns]
            }
        }
        var sum = 0.0
        for j in 0..<rows {
            for i in 0..<columns where doubted[i + columns * j] {
                let n = i + columns * j
                guard
                    middles[n] || i > 0 && middles[n - 1] || i < columns - 1 && middles[n + 1]
                        || j > 0 && middles[n - columns] || j < rows - 1 && middles[n + columns]
                else { continue }
                let p = score(n)
                sum += Double(min(p, 1 - p))
            }
        }
        return sum
    }
}
