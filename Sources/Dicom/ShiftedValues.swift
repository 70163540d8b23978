/// Hounsfield units that are shifted as a whole: a wrong Rescale Intercept. Fat lies at -100 HU and muscle at 50, so that the
/// median of what is neither air nor bone lies between: within 55 HU of water in all CTs of docs/results.md.
func shiftedValues(_ decoded: [DecodedSlice]) -> [AdmissionFinding] {
    /// Of the median, HU: twice as far from water as it lies in those CTs.
    let limit = 110
    /// Squares that hold neither air nor lung nor bone alone, HU. Wide, so that shifted tissue is in it, too.
    let tissue = -300..<700
    // A CT has hundreds of thousands of squares: counted, not sorted.
    var counts = [Int](repeating: 0, count: tissue.count)
    for slice in decoded { for mean in slice.outline.means(within: tissue) { counts[mean - tissue.lowerBound] += 1 } }
    let all = counts.reduce(0, +)
    // A picture without tissue is told by others.
    guard all >= 100 else { return [] }
    var (median, below) = (tissue.lowerBound, counts[0])
    while below <= all / 2 {
        median += 1
        below += counts[median - tissue.lowerBound]
    }
    guard abs(median) > limit else { return [] }
    return [
        AdmissionFinding(
            .warning,
            "W_SHIFTED_HU",
            """
            Soft tissue has \(median) HU in the median, where fat and muscle make it lie within \(limit) HU of water: all Hounsfield \
            units may be shifted.
            """,
            hint: "Check Rescale Intercept and the calibration of the scanner; export the original images."
        )
    ]
}
