/// A slice as it was decoded.
struct DecodedSlice {
    var counts: HUCounts
    /// Of its Hounsfield units; nil where all are alike: the slice is blank.
    var fingerprint: UInt64?
    var outline: PictureOutline
    var rows: PictureRows
}

/// Tells pictures apart: 64 bits of all values in their order, so that two pictures share them by chance in one of 10^19 cases.
///
/// - Parameter values: Hounsfield units, row by row.
/// - Returns: nil where all values are alike.
func pictureFingerprint(_ values: UnsafeMutableBufferPointer<Int16>) -> UInt64? {
    guard let first = values.first, values.contains(where: { $0 != first }) else { return nil }
    let raw = UnsafeRawBufferPointer(values)
    // Four sums of every fourth word: one would have to wait for each multiplication.
    var sums = SIMD4<UInt64>(0xCBF2_9CE4_8422_2325, 0x84222325_CBF29CE4, 0x9AE1_6A3B_2F90_404F, 0xC949_D7C7_509E_6557)
    func mixed(_ sum: UInt64, _ word: UInt64) -> UInt64 {
        let product = (sum ^ word) &* 0x9E37_79B9_7F4A_7C15
        return product ^ product >> 32
    }
    var place = 0
    while place + 32 <= raw.count {
        let words = raw.loadUnaligned(fromByteOffset: place, as: SIMD4<UInt64>.self)
        for lane in 0..<4 { sums[lane] = mixed(sums[lane], words[lane]) }
        place += 32
    }
    var hash = (0..<4).reduce(UInt64(raw.count)) { mixed($0, sums[$1]) }
    for rest in place..<raw.count { hash = mixed(hash, UInt64(raw[rest])) }
    return hash
}

/// Slices that show the same picture at different positions: an export wrote one image several times, or the images of one half
/// under the positions of the other. Geometry does not show it, and noise makes no two pictures of a scan alike.
///
/// - Parameters:
///   - slices: in the order of their positions.
///   - fingerprints: of each slice.
func repeatedPictures(_ slices: [ExaminedSlice], _ fingerprints: [UInt64?]) -> [AdmissionFinding] {
    var groups: [UInt64: [Int]] = [:]
    for (index, fingerprint) in fingerprints.enumerated() {
        if let fingerprint { groups[fingerprint, default: []].append(index) }
    }
    let alike = groups.values.filter { $0.count > 1 }.sorted { $0[0] < $1[0] }
    guard !alike.isEmpty else { return [] }
    // Each column of a block shows one picture: slices 1 to 20 are those that are there again as 21 to 40.
    var blocks: [[Range<Int>]] = []
    for group in alike {
        if let block = blocks.last, block.map(\.upperBound) == group {
            blocks[blocks.count - 1] = block.map { $0.lowerBound..<$0.upperBound + 1 }
        } else {
            blocks.append(group.map { $0..<$0 + 1 })
        }
    }
    let repeats = alike.reduce(0) { $0 + $1.count - 1 }
    func number(_ index: Int) -> String { slices[index].instanceNumber.map(String.init) ?? "?" }
    return [
        AdmissionFinding(
            .warning,
            "W_REPEATED_PICTURES",
            """
            \(repeats) \(repeats == 1 ? "slice shows" : "slices show") the picture of another slice, pixel for pixel: noise makes no \
            two slices of a scan alike.
            """,
            hint: "Compare these slices with the archive, and export the series again.",
            details: blocks.map { block in
                let parts = block.map { part in
                    part.count == 1
                        ? number(part.lowerBound) : "\(number(part.lowerBound)) to \(number(part.upperBound - 1))"
                }
                return "slices " + parts.joined(separator: ", ")
            }
        )
    ]
}

/// Slices of one value among slices that show something: not even air is without noise, so their pixels were lost, or never filled
/// in. A structure would seem to end there.
///
/// - Parameters: as for `repeatedPictures`.
func blankSlices(_ slices: [ExaminedSlice], _ fingerprints: [UInt64?]) -> [AdmissionFinding] {
    let blank = zip(slices, fingerprints).filter { $1 == nil }.map(\.0)
    guard !blank.isEmpty, blank.count < slices.count else { return [] }
    return [
        AdmissionFinding(
            .warning,
            "W_BLANK_SLICES",
            """
            \(blank.count) \(blank.count == 1 ? "slice is" : "slices are") blank, with one value in all pixels: nothing is found \
            there, and what reaches into them seems to end before.
            """,
            hint: "Compare these slices with the archive, and send the series again if they are not blank there.",
            details: ["slices " + blank.map { $0.instanceNumber.map(String.init) ?? "?" }.joined(separator: ", ")]
        )
    ]
}
