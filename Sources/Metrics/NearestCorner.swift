import Imaging
import Platform

/// The exact distance from any corner to the nearest corner of a surface.
///
/// Every row of corners knows how many steps it is to the nearest corner of the surface in that row. The distance of
/// a place is then the smallest over rows, looked at from the nearest outwards: surfaces that are compared usually lie
/// a few rows apart, and a whole distance map is never needed. Places that are far from everything are left to
/// lower envelopes of parabolas over rows and slices (Felzenszwalb and Huttenlocher, Theory of Computing 8, 2012).
/// Both give the same distance; a tie between corners may differ in the last bit.
struct NearestCorner: Sendable {
    private let dimensions: Dimensions
    private let spacing: Vector3
    /// Steps along i to the nearest corner in the row; `noCorner` in rows without one.
    private let gaps: [UInt16]
    /// Rows to look at, by their distance.
    private let rows: [RowOffset]
    private let isEmpty: Bool

    private static let noCorner = UInt16.max
    /// So many rows around a place are looked at one by one: those up to ten places away. What is farther is found by sheets of all
    /// rows, whose time does not grow with the distance.
    private static let rowLimit = 320

    private struct RowOffset: Sendable {
        var j: Int
        var k: Int
        /// Square of the distance, mm^2: slices first, as NumPy adds the squares of an array [k][j][i], so that
        /// a distance that is compared with a tolerance is the same number as SciPy's.
        var squared: Double
    }

    /// - Precondition: fewer than 65535 corners along i.
    init(_ surface: CornerSurface, spacing: Vector3) {
        dimensions = surface.dimensions
        self.spacing = spacing
        precondition(dimensions.i < Int(Self.noCorner), "steps fit in 16 bits")
        gaps = Self.gaps(of: surface)
        rows = surface.corners.isEmpty ? [] : Self.nearestRows(spacing: spacing, in: dimensions)
        isEmpty = surface.corners.isEmpty
    }

    private static func gaps(of surface: CornerSurface) -> [UInt16] {
        let d = surface.dimensions
        var gaps = [UInt16](repeating: noCorner, count: d.voxelCount)
        gaps.withUnsafeMutableBufferPointer { gaps in
            var n = 0
            while n < surface.corners.count {
                let (j, k) = (surface.corners[n].j, surface.corners[n].k)
                let row = d.i * (Int(j) + d.j * Int(k))
                var last: Int?
                while n < surface.corners.count, surface.corners[n].j == j, surface.corners[n].k == k {
                    let i = Int(surface.corners[n].i)
                    for between in (last ?? 0)...i {
                        gaps[row + between] = UInt16(min(i - between, last.map { between - $0 } ?? .max))
                    }
                    last = i
                    n += 1
                }
                if let last { for i in last..<d.i { gaps[row + i] = UInt16(i - last) } }
            }
        }
        return gaps
    }

    private static func nearestRows(spacing: Vector3, in dimensions: Dimensions) -> [RowOffset] {
        // A disc that holds the limit and nothing nearer outside of it.
        let radius = (Double(rowLimit) * spacing.y * spacing.z / .pi).squareRoot() + max(spacing.y, spacing.z)
        let nj = Int(min(Double(dimensions.j - 1), radius / spacing.y))
        let nk = Int(min(Double(dimensions.k - 1), radius / spacing.z))
        var rows: [RowOffset] = []
        for k in -nk...nk {
            for j in -nj...nj {
                let (z, y) = (Double(k) * spacing.z, Double(j) * spacing.y)
                if z * z + y * y <= radius * radius { rows.append(RowOffset(j: j, k: k, squared: z * z + y * y)) }
            }
        }
        return rows.sorted { $0.squared < $1.squared }
    }

    /// The distance of each corner, mm; infinite when the surface has none.
    func distances(from corners: [CornerSurface.Corner], threads: Int) -> [Double] {
        var distances = [Double](repeating: .infinity, count: corners.count)
        if isEmpty { return distances }
        distances.withUnsafeMutableBufferPointer { buffer in
            // Each place is written by one thread.
            nonisolated(unsafe) let result = buffer.baseAddress
            parallelFor(corners.count, threads: threads) { range in
                for n in range { result?[n] = nearDistance(from: corners[n]) ?? -1 }
            }
            let far = corners.indices.filter { buffer[$0] < 0 }
            let columns = Dictionary(grouping: far) { corners[$0].i }.sorted { $0.key < $1.key }
            parallelFor(columns.count, threads: threads) { range in
                var sheet = RowSheet(dimensions: dimensions, spacing: spacing)
                for (i, places) in columns[range] {
                    sheet.fill { row in
                        let gap = gaps[Int(i) + dimensions.i * row]
                        return gap == Self.noCorner ? nil : Double(gap) * spacing.x
                    }
                    for n in places { result?[n] = sheet.distance(j: Int(corners[n].j), k: Int(corners[n].k)) }
                }
            }
        }
        return distances
    }

    /// nil when rows beyond those that are looked at may be nearer.
    private func nearDistance(from corner: CornerSurface.Corner) -> Double? {
        let (i, j, k) = (Int(corner.i), Int(corner.j), Int(corner.k))
        var best = Double.infinity
        return gaps.withUnsafeBufferPointer { gaps in
            for row in rows {
                if row.squared >= best { return best.squareRoot() }
                let (y, z) = (j + row.j, k + row.k)
                guard y >= 0, z >= 0, y < dimensions.j, z < dimensions.k else { continue }
                let gap = gaps[i + dimensions.i * (y + dimensions.j * z)]
                guard gap != Self.noCorner else { continue }
                let x = Double(gap) * spacing.x
                best = min(best, row.squared + x * x)
            }
            return nil
        }
    }
}

/// All rows of corners as they are seen from one column: for each place (j, k) the nearest corner of the surface.
private struct RowSheet {
    private let dimensions: Dimensions
    private let spacing: Vector3
    /// Distance along i to the nearest corner of a row, squared; infinite where there is none.
    private var along: [Double]
    /// The same, and along j: the nearest in a slice, and the row that it lies in.
    private var inSlice: [Double]
    private var nearestRow: [Int32]
    private var overRows: LowerEnvelope
    private var overSlices: LowerEnvelope
    private var nearestSlice: [Int32]
    /// The j that `nearestSlice` was found for.
    private var j: Int?

    init(dimensions: Dimensions, spacing: Vector3) {
        self.dimensions = dimensions
        self.spacing = spacing
        along = Array(repeating: .infinity, count: dimensions.j * dimensions.k)
        inSlice = along
        nearestRow = Array(repeating: 0, count: along.count)
        overRows = LowerEnvelope(length: dimensions.j, spacing: spacing.y)
        overSlices = LowerEnvelope(length: dimensions.k, spacing: spacing.z)
        nearestSlice = Array(repeating: 0, count: dimensions.k)
    }

    /// - Parameter distance: along i by row (j + nj * k), mm.
    mutating func fill(_ distance: (Int) -> Double?) {
        j = nil
        for row in along.indices { along[row] = distance(row).map { $0 * $0 } ?? .infinity }
        for k in 0..<dimensions.k {
            let rows = k * dimensions.j..<(k + 1) * dimensions.j
            let isAny = overRows.findNearest(along, from: rows.lowerBound, stride: 1, into: &nearestRow)
            for row in rows {
                guard isAny else {
                    inSlice[row] = .infinity
                    continue
                }
                let nearest = Int(nearestRow[row])
                let y = Double(row - rows.lowerBound - nearest) * spacing.y
                inSlice[row] = y * y + along[rows.lowerBound + nearest]
            }
        }
    }

    mutating func distance(j: Int, k: Int) -> Double {
        if self.j != j {
            self.j = j
            guard
                overSlices.findNearest(inSlice, from: j, stride: dimensions.j, into: &nearestSlice, intoFrom: 0)
            else { return .infinity }
        }
        let slice = Int(nearestSlice[k])
        let row = j + dimensions.j * slice
        guard inSlice[row].isFinite else { return .infinity }
        let nearest = Int(nearestRow[row])
        let (z, y) = (Double(k - slice) * spacing.z, Double(j - nearest) * spacing.y)
        return (z * z + y * y + along[nearest + dimensions.j * slice]).squareRoot()
    }
}
