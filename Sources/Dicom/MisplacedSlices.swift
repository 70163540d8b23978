/// What a slice shows, coarsely: sums of Hounsfield units over squares of pixels. Noise hardly counts in them. No sum overflows:
/// squares of an image of 8192 columns have 65536 pixels.
struct PictureOutline {
    private static let squaresAcross = 32

    private let sums: [Int32]
    private let pixelsInSquare: Int

    /// - Parameters:
    ///   - values: Hounsfield units, row by row.
    ///   - columns: pixels in a row.
    init(_ values: UnsafeMutableBufferPointer<Int16>, columns: Int) {
        let side = max(1, columns / Self.squaresAcross)
        let (across, down) = (columns / side, values.count / columns / side)
        var sums = [Int32](repeating: 0, count: across * down)
        for j in 0..<down * side {
            for square in 0..<across {
                let start = j * columns + square * side
                var sum: Int32 = 0
                for pixel in start..<start + side { sum &+= Int32(values[pixel]) }
                sums[j / side * across + square] &+= sum
            }
        }
        self.sums = sums
        pixelsInSquare = side * side
    }

    /// Mean values of the squares that have one in a range, HU.
    func means(within range: Range<Int>) -> [Int] {
        sums.map { Int($0) / pixelsInSquare }.filter(range.contains)
    }

    /// Mean absolute difference of two outlines of one size, HU.
    func difference(to other: PictureOutline) -> Double {
        let total = zip(sums, other.sums).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
        return Double(total) / Double(max(1, sums.count * pixelsInSquare))
    }
}

/// Slices whose two neighbours are more alike than either is like them: images were exchanged, or have other Hounsfield units
/// than the rest. Geometry does not show it. Anatomy changes steadily, so that the neighbours differ most: 1.6 times as much as
/// the slice from either, and more, in all CTs of docs/results.md, 1.2 times in generated patients. Streaks of metal differ from
/// slice to slice: 0.64 times in the worst generated patient with metal. Of two slices that were exchanged over 10 slices, at
/// least one had 0.4 times or less in all those CTs.
///
/// - Parameters:
///   - slices: in the order of their positions.
///   - decoded: each of them.
func misplacedSlices(_ slices: [ExaminedSlice], _ decoded: [DecodedSlice]) -> [AdmissionFinding] {
    /// Neighbours that differ less than this part of what each differs from the slice between them.
    let likeness = 0.6
    /// Differences that may be noise, HU.
    let smallest = 5.0
    let steps = zip(decoded, decoded.dropFirst()).map { $0.outline.difference(to: $1.outline) }
    let misplaced = slices.indices.dropFirst().dropLast().filter { k in
        // Blank ones are told as that, and nothing can be said of their neighbours.
        guard decoded[k - 1...k + 1].allSatisfy({ $0.fingerprint != nil }) else { return false }
        let step = min(steps[k - 1], steps[k])
        return step > smallest && decoded[k - 1].outline.difference(to: decoded[k + 1].outline) < likeness * step
    }
    guard !misplaced.isEmpty else { return [] }
    return [
        AdmissionFinding(
            .warning,
            "W_MISPLACED_SLICES",
            """
            \(misplaced.count) \(misplaced.count == 1 ? "slice does" : "slices do") not fit between the neighbours, which are more \
            like each other: images may have been exchanged, or have other Hounsfield units than the rest.
            """,
            hint: "Compare these slices with the archive, and export the series again.",
            details: [
                "slices " + misplaced.map { slices[$0].instanceNumber.map(String.init) ?? "?" }.joined(separator: ", ")
            ]
        )
    ]
}
