import Imaging

/// What of a Series can be one volume: files with equal keys. Orientation and pixel grid are rounded so that
/// digits lost by a converter do not split a stack; `examineStack` then judges within finer limits.
package struct StackKey: Hashable, Codable, Sendable {
    package var seriesInstanceUID: String
    package var frameOfReferenceUID: String?
    package var rows: Int
    package var columns: Int
    /// Micrometres, rows then columns; empty where the header has none.
    package var pixelSpacing: [Int]
    /// Direction cosines in hundredths, row then column; empty where the header has none.
    package var orientation: [Int]
    package var isLocalizer: Bool
    package var temporalPosition: Int?
    /// Set by `stacks(of:)` alone, and only where it divided files that this key does not tell apart: see there.
    package var part: String?
}

/// The key of one file, from its header alone. Whether an acquisition number divides a stack can only be seen
/// with all files at hand: `stacks(of:)`.
package func stackKey(for header: InstanceHeader) -> StackKey {
    StackKey(
        seriesInstanceUID: header.seriesInstanceUID,
        frameOfReferenceUID: header.frameOfReferenceUID,
        rows: header.rows,
        columns: header.columns,
        pixelSpacing: header.pixelSpacing.map { [micrometres($0.betweenRows), micrometres($0.betweenColumns)] } ?? [],
        orientation: orientation(header),
        isLocalizer: header.isLocalizer,
        temporalPosition: header.temporalPositionIdentifier
    )
}

/// The stacks of one or more Series, each with the indices of its headers. Series stand in the order in which they first
/// occur; stacks of one Series by their place in the acquisition, whatever order their files came in, so that everybody
/// numbers them alike.
///
/// Files with one key stay together, also over several acquisitions that continue each other. They are divided where two
/// lie at one position or where an attribute alternates along the stack, by the first `Discriminator` that separates
/// them everywhere: see `StackDivision`.
package func stacks(
    of headers: [InstanceHeader],
    limits: AdmissionLimits = AdmissionLimits()
) -> [(key: StackKey, indices: [Int])] {
    var groups: [StackKey: [Int]] = [:]
    var order: [StackKey] = []
    for (index, header) in headers.enumerated() {
        let key = stackKey(for: header)
        if groups[key] == nil { order.append(key) }
        groups[key, default: []].append(index)
    }
    var series: [String: Int] = [:]
    for key in order where series[key.seriesInstanceUID] == nil { series[key.seriesInstanceUID] = series.count }
    let division = StackDivision(headers: headers, limits: limits)
    return order.flatMap { key in division.parts(of: key, groups[key] ?? []) }
        .map { (stack: $0, place: place(of: $0, in: series, headers)) }
        .sorted { $0.place < $1.place }
        .map(\.stack)
}

/// What stacks are sorted by: Series, scans before localizers, Acquisition Number, Temporal Position Identifier, Instance
/// Number, and where all that is equal or missing a UID, which two stacks never share.
private func place(
    of stack: (key: StackKey, indices: [Int]),
    in series: [String: Int],
    _ headers: [InstanceHeader]
) -> (Int, Int, Int, Int, Int, String) {
    let own = stack.indices.map { headers[$0] }
    return (
        series[stack.key.seriesInstanceUID] ?? .max,
        stack.key.isLocalizer ? 1 : 0,
        own.compactMap(\.acquisitionNumber).min() ?? .min,
        stack.key.temporalPosition ?? .min,
        own.compactMap(\.instanceNumber).min() ?? .min,
        own.map(\.sopInstanceUID).min() ?? ""
    )
}

private func micrometres(_ millimetres: Double) -> Int {
    Int((min(millimetres, 1e6) * 1000).rounded())
}

/// Rounded to hundredths with the borders moved away from the values that occur (0, 0.5, 1 and their like).
private func orientation(_ header: InstanceHeader) -> [Int] {
    guard let row = header.rowDirection, let column = header.columnDirection else { return [] }
    return [row.x, row.y, row.z, column.x, column.y, column.z].map { Int(($0 * 100 + 0.137).rounded()) }
}

extension FrameHeader {
    /// Row x column: the direction in which slices are counted.
    package var normal: Vector3? {
        guard let row = rowDirection, let column = columnDirection else { return nil }
        return cross(row, column)
    }

    /// Projection of the position on the normal, mm.
    package var distanceAlongNormal: Double? {
        guard let normal, let position else { return nil }
        return dot(position.vector, normal)
    }
}
