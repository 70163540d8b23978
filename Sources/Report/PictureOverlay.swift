import Imaging

/// Lines and letters over a picture. They are no pixels: they stay sharp at every size and on paper, can be hidden to
/// see the CT, and are dashed along the line, whatever its direction.
package struct PictureOverlay: Codable, Sendable, Equatable {
    /// The outline of one structure: closed polygons in pixels of the picture, whose upper left corner is (0, 0).
    package struct Outline: Codable, Sendable, Equatable {
        package var color: [Int]
        package var pattern: LinePattern
        package var isReference: Bool
        package var polygons: [[PlanarPoint]]
    }

    /// A word in the picture; `x` and `y` are where it stands, as fractions of width and height.
    package struct Mark: Codable, Sendable, Equatable {
        package var text: String
        package var x: Double
        package var y: Double
        /// It begins at `x`; otherwise that is its middle.
        package var isAfter = false
    }

    package var width: Int
    package var height: Int
    package var outlines: [Outline] = []
    /// What only one of two structures has, as the polygons of both: filled by the even-odd rule they are just that.
    package var differences: [[[PlanarPoint]]] = []
    package var marks: [Mark] = []
    /// How many letters would fill the longer side, one over the other.
    package var linesOfMarks = 25.0

    package init(width: Int, height: Int) {
        self.width = width
        self.height = height
    }
}

extension PictureOverlay {
    /// Steps of a path in a pixel: whole numbers keep the page small.
    private static let steps = 4.0

    /// To lie over the picture, in its size.
    var svg: String {
        let shaded = differences.map { "<path class=\"differs\" d=\"\(Self.path($0))\"/>" }
        let lines = outlines.map { outline -> String in
            let color = outline.color.map(String.init).joined(separator: ",")
            let look = outline.isReference ? "class=\"reference\"" : "stroke=\"rgb(\(color))\""
            let dashes = outline.pattern.dashes
            let dashed = dashes.isEmpty ? "" : " stroke-dasharray=\"\(dashes)\""
            return "<path \(look)\(dashed) d=\"\(Self.path(outline.polygons))\"/>"
        }
        let (wide, high) = (Self.steps * Double(width), Self.steps * Double(height))
        let size = max(wide, high) / linesOfMarks
        let words = marks.map { mark -> String in
            // At the left and right border a word stands inside of the picture.
            let anchor = mark.isAfter || mark.x < 0.05 ? "start" : mark.x > 0.95 ? "end" : "middle"
            let y = min(max(mark.y * high, 0.65 * size), high - 0.65 * size)
            return text(mark.text, mark.x * wide, y + 0.35 * size, anchor: anchor, "mark")
        }
        return """
            <svg viewBox="0 0 \(Int(wide)) \(Int(high))" font-size="\(fixed(size, digits: 0))" aria-hidden="true">\
            <g class="lines">\(shaded.joined())\(lines.joined())</g>\(words.joined())</svg>
            """
    }

    /// `M` to the first point, `l` with steps from point to point, `z`.
    private static func path(_ polygons: [[PlanarPoint]]) -> String {
        polygons.filter { !$0.isEmpty }.map { polygon -> String in
            let points = polygon.map { (Int(($0.i * steps).rounded()), Int(($0.j * steps).rounded())) }
            var path = "M\(points[0].0) \(points[0].1)l"
            var last = points[0]
            for (n, point) in points.dropFirst().enumerated() {
                let (x, y) = (point.0 - last.0, point.1 - last.1)
                path += (n > 0 && x >= 0 ? " " : "") + "\(x)" + (y >= 0 ? " " : "") + "\(y)"
                last = point
            }
            return path + "z"
        }.joined()
    }
}

/// A polygon along the edges of voxels as a line for the eye: through the middles of the edges, so that a slope is no
/// staircase, and with only the points that it needs.
///
/// - Parameters:
///   - place: pixels of the picture for a point of the polygon.
///   - tolerance: largest distance, in pixels, between the line and the middles of the edges.
func drawnLine(
    _ polygon: PlanarPolygon,
    tolerance: Double,
    _ place: (PlanarPoint) -> PlanarPoint
) -> [PlanarPoint] {
    let corners = polygon.points
    // Of a single voxel, or a row of them, the middles alone would be half as large.
    guard corners.count > 8 else { return corners.map(place) }
    var middles: [PlanarPoint] = []
    for n in corners.indices {
        let (a, b) = (corners[n], corners[(n + 1) % corners.count])
        let length = max(1, Int((abs(b.i - a.i) + abs(b.j - a.j)).rounded()))
        for step in 0..<length {
            let t = (Double(step) + 0.5) / Double(length)
            middles.append(place(PlanarPoint(i: a.i + (b.i - a.i) * t, j: a.j + (b.j - a.j) * t)))
        }
    }
    return simplified(middles, tolerance: tolerance)
}

/// Douglas and Peucker, Cartographica 1973;10(2):112-122, for a closed line: halved at the point farthest from the
/// first.
private func simplified(_ points: [PlanarPoint], tolerance: Double) -> [PlanarPoint] {
    func square(_ a: PlanarPoint, _ b: PlanarPoint) -> Double {
        (a.i - b.i) * (a.i - b.i) + (a.j - b.j) * (a.j - b.j)
    }
    let far = points.indices.max { square(points[0], points[$0]) < square(points[0], points[$1]) }
    guard points.count > 3, let far else { return points }
    let closed = points + [points[0]]
    var isKept = [Bool](repeating: false, count: closed.count)
    for n in [0, far, closed.count - 1] { isKept[n] = true }
    var parts = [(0, far), (far, closed.count - 1)]
    while let (first, last) = parts.popLast() {
        let (a, b) = (closed[first], closed[last])
        let (di, dj) = (b.i - a.i, b.j - a.j)
        let length = (di * di + dj * dj).squareRoot()
        var (worst, distance) = (first, tolerance)
        for n in first + 1..<max(last, first + 1) {
            let p = closed[n]
            let away =
                length > 0
                ? abs(di * (p.j - a.j) - dj * (p.i - a.i)) / length : square(a, p).squareRoot()
            if away > distance { (worst, distance) = (n, away) }
        }
        guard worst > first else { continue }
        isKept[worst] = true
        parts += [(first, worst), (worst, last)]
    }
    return closed.indices.dropLast().filter { isKept[$0] }.map { closed[$0] }
}
