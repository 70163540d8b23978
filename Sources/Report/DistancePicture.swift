import Imaging
import Metrics

/// Classes of distance and their colours. They grow lighter with the distance, so that they can be told apart without
/// seeing colours, and on a grey printer.
enum DistanceScale {
    struct Step: Sendable {
        /// Ends, mm; the upper one is infinite for the last.
        var fromMM: Double
        var upToMM: Double
        var color: [UInt8]
    }

    static let steps = [
        Step(fromMM: 0, upToMM: 1, color: [52, 73, 125]),
        Step(fromMM: 1, upToMM: 2, color: [86, 112, 150]),
        Step(fromMM: 2, upToMM: 3, color: [122, 148, 158]),
        Step(fromMM: 3, upToMM: 5, color: [172, 178, 128]),
        Step(fromMM: 5, upToMM: 10, color: [226, 200, 92]),
        Step(fromMM: 10, upToMM: .infinity, color: [255, 246, 150]),
    ]

    static func color(_ distanceMM: Double) -> [UInt8] {
        (steps.first { distanceMM <= $0.upToMM } ?? steps[steps.count - 1]).color
    }

    /// Steps that a picture has, the last of which ends at its largest distance; where that is its beginning to a tenth of
    /// a millimetre, it says no more than that.
    ///
    /// - Parameter farthest: mm; infinite where one of the two structures is empty.
    static func key(to farthest: Double) -> [(color: [UInt8], label: String)] {
        guard farthest.isFinite else { return [(steps[steps.count - 1].color, "the other one is empty")] }
        return steps.filter { $0.fromMM == 0 || $0.fromMM < farthest }.map { step in
            let end = farthest <= step.upToMM ? fixed(farthest, digits: 1) : fixed(step.upToMM, digits: 0)
            if end == fixed(step.fromMM, digits: 1), step.fromMM > 0 {
                return (step.color, "over \(fixed(step.fromMM, digits: 0)) mm")
            }
            return (step.color, step.fromMM == 0 ? "up to \(end) mm" : "\(fixed(step.fromMM, digits: 0)) to \(end) mm")
        }
    }
}

/// Two surfaces from six sides, one row each, in the colours of the distance of each to the other. The distance of one of
/// them alone says nothing about a part that only the other has: the rest of the organ lies well on it.
///
/// Orthographic; what is nearer to the eye hides what is behind it. Both rows have one scale and one middle.
struct DistancePicture {
    /// A surface and what stands over it.
    struct Row {
        var title: String
        var points: [SurfacePoint]
    }

    let rows: [Row]
    /// Largest distance of neighbouring corners, mm.
    let gapMM: Double

    private static let background = (UInt8(22), UInt8(25), UInt8(29))
    private static let tileWidth = 180
    private static let tileHeight = 230
    /// For the words over a row, and for the key under all of them.
    private static let lineHeight = 30
    private static let swatch = 16
    /// Left of a swatch, and between it and its words.
    private static let keyIndent = 8

    /// LPS: x grows to the left, y to the back, z to the head.
    private struct View {
        var name: String
        /// Patient axis that runs to the right of the picture, and its sign there.
        var across: Int
        var sign: Double
        /// Patient axis that runs down the picture, and its sign there.
        var down: Int
        var downSign: Double
        /// Patient axis from the eye to the patient, and its sign.
        var depth: Int
        var depthSign: Double

        static let all = [
            View(name: "front", across: 0, sign: 1, down: 2, downSign: -1, depth: 1, depthSign: 1),
            View(name: "back", across: 0, sign: -1, down: 2, downSign: -1, depth: 1, depthSign: -1),
            View(name: "left side", across: 1, sign: 1, down: 2, downSign: -1, depth: 0, depthSign: -1),
            View(name: "right side", across: 1, sign: -1, down: 2, downSign: -1, depth: 0, depthSign: 1),
            // As an axial slice lies: the front is up.
            View(name: "from the feet", across: 0, sign: 1, down: 1, downSign: 1, depth: 2, depthSign: 1),
            View(name: "from the head", across: 0, sign: -1, down: 1, downSign: 1, depth: 2, depthSign: -1),
        ]
    }

    private var farthest: Double { rows.flatMap(\.points).map(\.distanceMM).max() ?? 0 }

    private static let width = tileWidth * View.all.count
    private static let rowHeight = tileHeight + lineHeight
    private var height: Int { rows.count * Self.rowHeight + Self.lineHeight }

    func sheet() -> RGBImage {
        var sheet = RGBImage(width: Self.width, height: height)
        for y in 0..<height { for x in 0..<Self.width { sheet[x, y] = Self.background } }
        let places = rows.flatMap(\.points).map(\.place.vector)
        guard let first = places.first else { return sheet }
        let (low, high) = places.reduce((first, first)) { (pointwiseMin($0.0, $1), pointwiseMax($0.1, $1)) }
        let size = high - low
        // One scale for all views, with a margin; the words under a view take the lowest 20 pixels.
        let pixelMM = max(
            max(size.x, size.y) / Double(Self.tileWidth - 16),
            max(size.y, size.z) / Double(Self.tileHeight - 36),
            0.01
        )
        for (number, row) in rows.enumerated() {
            for (column, view) in View.all.enumerated() {
                sheet.draw(
                    tile(row.points, view, (low + high) / 2, pixelMM),
                    x: column * Self.tileWidth,
                    y: number * Self.rowHeight + Self.lineHeight
                )
            }
        }
        for (number, step) in DistanceScale.key(to: farthest).enumerated() {
            for y in 0..<Self.swatch {
                for x in 0..<Self.swatch {
                    let at = (
                        number * Self.tileWidth + Self.keyIndent + x, height - (Self.lineHeight + Self.swatch) / 2 + y
                    )
                    sheet[at.0, at.1] = (step.color[0], step.color[1], step.color[2])
                }
            }
        }
        return sheet
    }

    /// A line over each row, a word under each view, and the key.
    var overlay: PictureOverlay {
        var overlay = PictureOverlay(width: Self.width, height: height)
        func mark(_ text: String, _ x: Double, _ y: Double, isAfter: Bool = false) {
            overlay.marks.append(.init(text: text, x: x / Double(Self.width), y: y / Double(height), isAfter: isAfter))
        }
        let line = Double(Self.lineHeight)
        for (number, row) in rows.enumerated() {
            let top = Double(number * Self.rowHeight)
            mark(row.title, 10, top + line / 2)
            for (column, view) in View.all.enumerated() {
                let middle = (Double(column) + 0.5) * Double(Self.tileWidth)
                mark(view.name, middle, top + line + Double(Self.tileHeight) - 10)
            }
        }
        for (number, step) in DistanceScale.key(to: farthest).enumerated() {
            let end = number * Self.tileWidth + Self.keyIndent + Self.swatch
            mark(step.label, Double(end + Self.keyIndent), Double(height) - line / 2, isAfter: true)
        }
        overlay.linesOfMarks = 68
        return overlay
    }

    private func tile(_ points: [SurfacePoint], _ view: View, _ middle: Vector3, _ pixelMM: Double) -> RGBImage {
        let (width, height) = (Self.tileWidth, Self.tileHeight)
        var image = RGBImage(width: width, height: height)
        for n in 0..<width * height { image[n % width, n / width] = Self.background }
        var depths = [Double](repeating: .infinity, count: width * height)
        let reach = max(0, Int((gapMM / pixelMM / 2).rounded(.up)))
        for point in points {
            let offset = point.place.vector - middle
            let x = Double(width) / 2 + view.sign * offset[view.across] / pixelMM
            let y = Double(height - 20) / 2 + view.downSign * offset[view.down] / pixelMM
            let depth = view.depthSign * offset[view.depth]
            let color = DistanceScale.color(point.distanceMM)
            for row in Int(y) - reach...Int(y) + reach where row >= 0 && row < height {
                for column in Int(x) - reach...Int(x) + reach where column >= 0 && column < width {
                    guard depth < depths[row * width + column] else { continue }
                    depths[row * width + column] = depth
                    image[column, row] = (color[0], color[1], color[2])
                }
            }
        }
        return image
    }
}

/// One picture for each structure that the reference has: the reference's surface in the colours of its distance to
/// ours, and ours in those of its distance to the reference.
///
/// - Parameters:
///   - labels: ours.
///   - reference: on the same grid.
/// - Throws: `ReportError`.
package func distancePictures(
    labels: Volume<UInt8>,
    reference: ReferenceLayers,
    threads: Int
) throws(ReportError) -> [CasePicture] {
    var pictures: [CasePicture] = []
    let spacing = labels.geometry.spacing
    for (number, structure) in reference.structures.enumerated() {
        let (ours, theirs) = (labels.mask(of: structure.labels), reference.mask(number))
        let surfaces = (
            theirs: surfaceDistanceMap(from: theirs, to: ours, threads: threads),
            ours: surfaceDistanceMap(from: ours, to: theirs, threads: threads)
        )
        guard !surfaces.theirs.isEmpty else { continue }
        func farthest(_ points: [SurfacePoint]) -> String {
            "at most \(fixed(points.map(\.distanceMM).max() ?? 0, digits: 1)) mm"
        }
        let toOurs = surfaces.ours.isEmpty ? "ours is empty" : farthest(surfaces.theirs)
        var rows = [DistancePicture.Row(title: "Reference: distance to ours", points: surfaces.theirs)]
        var said = ["the reference's surface by its distance to ours (\(toOurs))"]
        if !surfaces.ours.isEmpty {
            rows.append(.init(title: "Ours: distance to the reference", points: surfaces.ours))
            said.append("our surface by its distance to the reference (\(farthest(surfaces.ours)))")
        }
        let picture = DistancePicture(rows: rows, gapMM: max(spacing.x, spacing.y, spacing.z))
        pictures.append(
            CasePicture(
                role: .distanceMap,
                caption: """
                    \(structure.name): \(said.joined(separator: "; below ")); from the front, the back, the patient's left \
                    and right, the feet and the head; the lighter, the farther
                    """,
                png: try picture.sheet().png(),
                overlay: picture.overlay
            )
        )
    }
    return pictures
}

extension Volume where Element == UInt8 {
    fileprivate func mask(of wanted: Set<UInt8>) -> Mask {
        let table = (0...255).map { wanted.contains(UInt8($0)) ? UInt8(1) : 0 }
        return Mask(geometry: geometry, voxels: voxels.map { table[Int($0)] })
    }
}
