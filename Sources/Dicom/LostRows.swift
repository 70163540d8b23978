/// What each row of a slice shows.
struct PictureRows {
    /// One value in all pixels.
    private(set) var areBlank: [Bool]
    /// The patient in an eighth of the pixels or more.
    private(set) var showPatient: [Bool]

    /// - Parameters:
    ///   - values: Hounsfield units, row by row.
    ///   - columns: pixels in a row.
    init(_ values: UnsafeMutableBufferPointer<Int16>, columns: Int) {
        /// Neither air nor lung, HU.
        let tissue: Int16 = -300
        let starts = stride(from: 0, to: values.count, by: columns)
        areBlank = starts.map { start in
            let first = values[start]
            return !values[start..<start + columns].contains { $0 != first }
        }
        showPatient = starts.map { start in
            var dense: Int32 = 0
            for pixel in start..<start + columns { dense &+= values[pixel] > tissue ? 1 : 0 }
            return Int(dense) * 8 >= columns
        }
    }
}

/// Slices of which a part has one value, where those beside them show the patient: a transfer that broke off, and whose file was
/// filled up with zeros. The file has its whole length, and the pixels of a wrong air or water.
///
/// Up to three slices in a row, or the first or last one, are looked at: of more, a dip in the surface of the patient (the neck)
/// looks the same where air has no noise.
///
/// - Parameters:
///   - slices: in the order of their positions.
///   - decoded: each of them.
func lostRows(_ slices: [ExaminedSlice], _ decoded: [DecodedSlice], _ limits: AdmissionLimits) -> [AdmissionFinding] {
    let longest = 3
    // Blank slices are told as that.
    let shown = decoded.indices.filter { decoded[$0].fingerprint != nil }
    let rows = decoded.first?.rows.areBlank.count ?? 0
    var lost = [Int](repeating: 0, count: shown.count)
    for row in 0..<rows {
        func isBlank(_ n: Int) -> Bool { decoded[shown[n]].rows.areBlank[row] }
        func showsPatient(_ n: Int) -> Bool { decoded[shown[n]].rows.showPatient[row] }
        var start = 0
        while start < shown.count {
            guard isBlank(start) else {
                start += 1
                continue
            }
            let end = (start..<shown.count).first { !isBlank($0) } ?? shown.count
            let beside = [start - 1, end].filter(shown.indices.contains)
            let most = beside.count == 2 ? longest : 1
            if end - start <= most, !beside.isEmpty, beside.allSatisfy(showsPatient) {
                for n in start..<end { lost[n] += 1 }
            }
            start = end
        }
    }
    let cut = lost.indices.filter { Double(lost[$0]) > limits.maximumLostRowsFraction * Double(rows) }
    guard !cut.isEmpty else { return [] }
    return [
        AdmissionFinding(
            .warning,
            "W_LOST_ROWS",
            """
            \(cut.count) \(cut.count == 1 ? "slice has" : "slices have") one value in rows where the slices beside show the \
            patient: the pixels were lost, perhaps in a transfer that broke off.
            """,
            hint: "Compare these slices with the archive, and send the series again.",
            details: cut.map { n in
                let number = slices[shown[n]].instanceNumber.map(String.init) ?? "without Instance Number"
                return "slice \(number): \(lost[n]) of \(rows) rows"
            }
        )
    ]
}
