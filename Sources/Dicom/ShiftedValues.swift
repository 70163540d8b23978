/// Hounsfield units that are shifted as a whole: a wrong Rescale Intercept. Fat lies at -100 HU and muscle at 50, so that the
/// median of what is neither air nor bone lies between: within 55 HU of water in all CTs of docs/results.md.
func shiftedValues(_ decoded: [DecodedSlice]) -> [AdmissionFinding] {
    /// Of the median, HU: twice as far from water as it lies in those CTs.
    let limit = 110
    /// Squares that hold neither air nor lung nor bone alone, HU. Wide, so that shifted tissue is in it, too.
    let tissue = -300..<700
    let means = decoded.flatMap { $0.outline.means(within: tissue) }.sorted()
    // A picture without tissue is told by others.
    guard means.count >= 100 else { return [] }
    let median = means[means.count / 2]
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
