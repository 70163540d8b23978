import Imaging
import Metrics

/// Classes of distance and their colours. They grow lighter with the distance, so that they can be told apart without
/// seeing colours, and on a grey printer.
package enum DistanceScale {
    package struct Step: Sendable {
        /// Upper end, mm; infinite for the last one.
        package var upToMM: Double
        package var color: [UInt8]
        package var label: String
    }

    package static let steps = [
        Step(upToMM: 1, color: [52, 73, 125], label: "up to 1 mm"),
        Step(upToMM: 2, color: [95, 125, 158], label: "1 to 2 mm"),
        Step(upToMM: 3, color: [146, 168, 150], label: "2 to 3 mm"),
        Step(upToMM: 5, color: [214, 192, 96], label: "3 to 5 mm"),
        Step(upToMM: .infinity, color: [255, 244, 120], label: "more than 5 mm"),
    ]

    static func color(_ distanceMM: Double) -> [UInt8] {
        (steps.first { distanceMM <= $0.upToMM } ?? steps[steps.count - 1]).color
    }
}

/// The surface of a structure from the front, the back, the patient's left and right, in the colours of the distance to
/// the other surface. Orthographic; what is nearer to the eye hides what is behind it.
struct DistancePicture {
    let points: [SurfacePoint]
    /// Largest distance of neighbouring corners, mm.
    let gapMM: Double

    private static let background: [UInt8] = [22, 25, 29]
    private static let tileWidth = 210
    private static let tileHeight = 270

    /// LPS: x grows to the left, y to the back, z to the head.
    private struct View {
        /// Patient axis that runs to the right of the picture, and its sign there.
        var across: Int
        var sign: Double
        /// Patient axis from the eye to the patient, and its sign.
        var depth: Int
        var depthSign: Double

        static let all = [
            View(across: 0, sign: 1, depth: 1, depthSign: 1), View(across: 0, sign: -1, depth: 1, depthSign: -1),
            View(across: 1, sign: 1, depth: 0, depthSign: -1), View(across: 1, sign: -1, depth: 0, depthSign: 1),
        ]
    }

    static let viewNames = "from the front, from the back, from the patient's left, from the patient's right"

    /// A word under each view.
    static var marks: [PictureOverlay.Mark] {
        ["front", "back", "left side", "right side"].enumerated().map { number, word in
            .init(text: word, x: (Double(number) + 0.5) / Double(View.all.count), y: 0.95)
        }
    }

    func sheet() -> RGBImage {
        var sheet = RGBImage(width: Self.tileWidth * View.all.count, height: Self.tileHeight)
        guard let first = points.first?.place.vector else { return sheet }
        let (low, high) = points.reduce((first, first)) { box, point in
            (pointwiseMin(box.0, point.place.vector), pointwiseMax(box.1, point.place.vector))
        }
        let size = high - low
        let widest = max(size.x, size.y)
        // One scale for all views, with a margin.
        let pixelMM = max(widest / Double(Self.tileWidth - 16), size.z / Double(Self.tileHeight - 36), 0.01)
        for (number, view) in View.all.enumerated() {
            sheet.draw(tile(view, low, high, pixelMM), x: number * Self.tileWidth, y: 0)
        }
        return sheet
    }

    private func tile(_ view: View, _ low: Vector3, _ high: Vector3, _ pixelMM: Double) -> RGBImage {
        let (width, height) = (Self.tileWidth, Self.tileHeight)
        var image = RGBImage(width: width, height: height)
        for n in 0..<width * height {
            image[n % width, n / width] = (Self.background[0], Self.background[1], Self.background[2])
        }
        var depths = [Double](repeating: .infinity, count: width * height)
        let middle = (low + high) / 2
        let reach = max(0, Int((gapMM / pixelMM / 2).rounded(.up)))
        for point in points {
            let offset = point.place.vector - middle
            let x = Double(width) / 2 + view.sign * offset[view.across] / pixelMM
            // The words under it take the lowest 20 pixels.
            let y = Double(height - 20) / 2 - offset.z / pixelMM
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

/// One picture for each structure that the reference has: the reference's surface in the colours of the distance to
/// ours.
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
    for (number, structure) in reference.structures.enumerated() {
        let ours = labels.mask(of: structure.labels)
        let points = surfaceDistanceMap(from: reference.mask(number), to: ours, threads: threads)
        guard !points.isEmpty else { continue }
        let spacing = labels.geometry.spacing
        let sheet = DistancePicture(points: points, gapMM: max(spacing.x, spacing.y, spacing.z)).sheet()
        let farthest = points.map(\.distanceMM).max() ?? 0
        let words = farthest.isFinite ? "at most \(fixed(farthest, digits: 1)) mm" : "ours is empty"
        var overlay = PictureOverlay(width: sheet.width, height: sheet.height)
        overlay.marks = DistancePicture.marks
        overlay.linesOfMarks = 40
        pictures.append(
            CasePicture(
                role: .distanceMap,
                caption:
                    "\(structure.name): the reference's surface by its distance to ours (\(words)), \(DistancePicture.viewNames)",
                png: try sheet.png(),
                overlay: overlay
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
