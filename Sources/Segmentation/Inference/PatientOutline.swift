import Foundation
import Imaging

/// How far the patient reaches on each line of a slice, from front to back and from side to side: tells what lies outside.
///
/// The foam of a couch, a cushion of beads and a block that holds an arm are as light as lung, and a network may take them
/// for it. The patient is what is dense and thicker than 4 mm, of its pieces all that have a fifth of the largest one: neither
/// shells and sheets nor the rails of a couch.
struct PatientOutline {
    /// On pixels larger than this the wall of a chest is no thicker than a shell, mm.
    private static let largestPixelMM = 3.0
    /// What is smaller in a slice is no patient but bones, say, where soft tissue has wrong HU, mm^2.
    private static let smallestAreaMM2 = 3000.0

    private let geometry: VolumeGeometry
    private let ctSides: Sides
    private let modelSides: Sides
    /// The sides of both that the patient reaches.
    private var cutAtCT = SideSet()
    private var cutAtModel = SideSet()
    /// First and last row of the patient by column and slice; first and last column by row and slice. The first is above the last
    /// on lines without any.
    private var rows: [SIMD2<Int32>]
    private var columns: [SIMD2<Int32>]

    /// - Parameters:
    ///   - input: HU on the model's grid.
    ///   - ct: the CT's own grid.
    /// - Returns: nil where nothing can be told: there is no patient, or the pixels are too large.
    init?(of input: Volume<Float>, ct: VolumeGeometry, threads: Int) {
        guard input.geometry.spacing.x <= Self.largestPixelMM else { return nil }
        let (pieces, reach) = thickPieces(of: input, erosionMM: 2, threads: threads)
        guard let largest = pieces.sizes.max() else { return nil }
        let isPatient = pieces.sizes.map { $0 * 5 >= largest }
        let runs = pieces.runs.filter { isPatient[$0.component] }
        let d = input.geometry.dimensions
        let pixels = runs.reduce(0) { $0 + $1.end - $1.start }
        let area = Double(pixels) * input.geometry.spacing.x * input.geometry.spacing.y
        guard area >= Self.smallestAreaMM2 * Double(Set(runs.map(\.k)).count) else { return nil }

        geometry = input.geometry
        modelSides = Sides(geometry, slicesAlong: geometry.directionK, marginMM: 1.5 * geometry.spacing.x)
        ctSides = Sides(ct, slicesAlong: geometry.directionK, marginMM: 1.5 * geometry.spacing.x, roundedBy: input)
        rows = [SIMD2<Int32>](repeating: SIMD2(.max, .min), count: d.i * d.k)
        columns = [SIMD2<Int32>](repeating: SIMD2(.max, .min), count: d.j * d.k)
        for run in runs {
            // What the erosion took away is added again.
            let (first, last) = (run.start - reach, run.end - 1 + reach)
            PatientOutline.widen(&columns[run.j + d.j * run.k], first, last)
            for i in run.start..<run.end { PatientOutline.widen(&rows[i + d.i * run.k], run.j - reach, run.j + reach) }
            for i in [first, last] {
                for j in [run.j - reach, run.j + reach] {
                    let point = geometry.patientPoint(i: Double(i), j: Double(j), k: Double(run.k))
                    cutAtCT.formUnion(ctSides.reached(by: point))
                    cutAtModel.formUnion(modelSides.reached(by: point))
                }
            }
        }
    }

    private static func widen(_ range: inout SIMD2<Int32>, _ first: Int, _ last: Int) {
        range = SIMD2(min(range.x, Int32(first)), max(range.y, Int32(last)))
    }

    /// Which pieces lie outside of the patient: at most one in twenty of their voxels is inside, and they reach no side of the CT or
    /// of the network's picture that the patient reaches, too, for where one cuts the patient nothing can be said.
    ///
    /// - Parameters:
    ///   - grid: of the pieces.
    ///   - input: HU on the model's grid, as the outline was made of.
    func isOutside(_ components: RunComponents, on grid: VolumeGeometry, input: Volume<Float>) -> [Bool] {
        var inside = [Double](repeating: 0, count: components.sizes.count)
        var slice = -1
        for run in components.runs {
            if run.k != slice { input.touched() }
            slice = run.k
            let length = run.end - run.start
            // As close as the pixels of the model.
            let samples = max(2, Int(Double(length) * grid.spacing.x / geometry.spacing.x))
            for sample in 0..<samples {
                let i = Double(run.start) + Double(length - 1) * Double(sample) / Double(samples - 1)
                let point = grid.patientPoint(i: i, j: Double(run.j), k: Double(run.k))
                if isInside(point, input) { inside[run.component] += Double(length) / Double(samples) }
                guard sample == 0 || sample == samples - 1 else { continue }
                let isCut =
                    !cutAtCT.isDisjoint(with: ctSides.reached(by: point))
                    || !cutAtModel.isDisjoint(with: modelSides.reached(by: point))
                if isCut { inside[run.component] = .infinity }
            }
        }
        return zip(components.sizes, inside).map { size, voxels in 20 * voxels <= Double(size) }
    }

    /// Whether a point lies at a side of the CT or of the network's picture, but for the first and last slice, or at the rim of a
    /// round one.
    func isAtSide(_ point: PatientPoint) -> Bool {
        !ctSides.reached(by: point).isEmpty || !modelSides.reached(by: point).isEmpty
    }

    /// Whether a side of the CT that faces a direction ends before or at a point, or the rim of a round picture does, and the patient
    /// reaches it.
    func isCut(at point: PatientPoint, towards direction: Vector3) -> Bool {
        !cutAtCT.isDisjoint(with: ctSides.reached(by: point, towards: direction))
    }

    private func isInside(_ point: PatientPoint, _ input: Volume<Float>) -> Bool {
        let place = geometry.continuousIndex(of: point)
        let d = geometry.dimensions
        let (i, j) = (Int(place.x.rounded()), Int(place.y.rounded()))
        let k = min(max(0, Int(place.z.rounded())), d.k - 1)
        guard i >= 0, j >= 0, i < d.i, j < d.j else { return false }
        return isInside(i, j, k, hu: input[i, j, k])
    }

    /// Whether a voxel of the model's grid is dense, or has the patient before and behind it or to the left and right of it.
    func isInside(_ i: Int, _ j: Int, _ k: Int, hu: Float) -> Bool {
        if hu > -500 { return true }
        let (row, column) = (rows[i + geometry.dimensions.i * k], columns[j + geometry.dimensions.j * k])
        return (row.x < Int32(j) && Int32(j) < row.y) || (column.x < Int32(i) && Int32(i) < column.y)
    }
}

/// Sides of a grid: two for each of its three axes, and sectors of the rim of a round picture.
private struct SideSet: OptionSet {
    var rawValue: UInt64 = 0

    static let sectors = 48
    static let wholeRim = SideSet(rawValue: ~0 << 6)

    /// The sector of the rim at an angle, with the two beside it.
    static func rim(at angle: Double) -> SideSet {
        let sector = Int(angle / (2 * .pi) * Double(sectors) + 2 * Double(sectors))
        return SideSet(rawValue: (sector - 1...sector + 1).reduce(0) { $0 | 1 << (6 + UInt64($1 % sectors)) })
    }
}

/// The sides of a grid across which a patient may go on; the first and last slice are none of them.
private struct Sides {
    private let grid: VolumeGeometry
    private let axes: [Int]
    private let last: Vector3
    private let margin: Vector3
    /// Distance of the rim from the middle of the picture, mm.
    private var rimMM = Double.infinity

    /// - Parameter input: its pixels farthest from the middle of the grid, padding apart, are the rim.
    init(_ grid: VolumeGeometry, slicesAlong normal: Vector3, marginMM: Double, roundedBy input: Volume<Float>) {
        self.init(grid, slicesAlong: normal, marginMM: marginMM)
        // Only in the plane of a CT's own slices is a picture round.
        guard axes == [0, 1] else { return }
        let (d, place) = (input.geometry.dimensions, input.geometry)
        var farthest = 0.0
        for k in 0..<d.k {
            for j in 0..<d.j {
                let row = (k * d.j + j) * d.i
                let pixels = input.voxels[row..<row + d.i]
                // Padding counts as air, or lies below it.
                func isPicture(_ hu: Float) -> Bool { hu > paddingHU + 0.5 }
                guard let first = pixels.firstIndex(where: isPicture), let last = pixels.lastIndex(where: isPicture)
                else { continue }
                for n in [first, last] {
                    let point = place.patientPoint(i: Double(n - row), j: Double(j), k: Double(k))
                    let offset = fromMiddle(grid.continuousIndex(of: point))
                    farthest = max(farthest, dot(offset, offset).squareRoot())
                }
            }
            input.touched()
        }
        rimMM = farthest - marginMM
    }

    init(_ grid: VolumeGeometry, slicesAlong normal: Vector3, marginMM: Double) {
        self.grid = grid
        let directions = [grid.directionI, grid.directionJ, grid.directionK]
        axes = directions.indices.filter { abs(dot(directions[$0], normal)) < 0.7 }
        let d = grid.dimensions
        last = Vector3(Double(d.i - 1), Double(d.j - 1), Double(d.k - 1))
        margin = Vector3(repeating: marginMM) / grid.spacing
    }

    func reached(by point: PatientPoint) -> SideSet {
        let place = grid.continuousIndex(of: point)
        var sides = SideSet()
        for axis in axes {
            if place[axis] < margin[axis] { sides.rawValue |= 1 << (2 * axis) }
            if place[axis] > last[axis] - margin[axis] { sides.rawValue |= 2 << (2 * axis) }
        }
        let offset = fromMiddle(place)
        if dot(offset, offset).squareRoot() > rimMM { sides.formUnion(.rim(at: atan2(offset.y, offset.x))) }
        return sides
    }

    /// Of the sides that a point reaches those that face a direction, within 45 degrees.
    func reached(by point: PatientPoint, towards direction: Vector3) -> SideSet {
        let directions = [grid.directionI, grid.directionJ, grid.directionK]
        let place = grid.continuousIndex(of: point)
        let offset = fromMiddle(place)
        let outwards = directions[0] * offset.x + directions[1] * offset.y
        let facesRim = dot(outwards, direction) > 0.7 * dot(outwards, outwards).squareRoot()
        var facing = facesRim ? SideSet.wholeRim : []
        for axis in axes {
            let part = dot(directions[axis], direction)
            if part < -0.7 { facing.rawValue |= 1 << (2 * axis) }
            if part > 0.7 { facing.rawValue |= 2 << (2 * axis) }
        }
        return reached(by: point).intersection(facing)
    }

    /// In the plane of the slices, mm.
    private func fromMiddle(_ place: Vector3) -> Vector3 {
        var offset = (place - last / 2) * grid.spacing
        offset.z = 0
        return offset
    }
}
