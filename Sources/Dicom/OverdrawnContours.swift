import Imaging

/// Contours that are drawn over another one of the same structure and slice: the same outline once more (with its points
/// reversed, rounded, or from another point on), or moved a little.
///
/// By the even-odd rule two contours enclose only what one of them has, so such a pair leaves next to nothing, though
/// whoever drew it meant the whole. A hole is no such pair: it lies inside of its outer contour, with a margin.
extension RTStructure {
    /// From this share of their common area (intersection over union) on two contours are one that was drawn twice.
    private static let leastOverlap = 0.5
    /// Of the edge of a hole so much may touch the outer contour.
    private static let mostTouching = 0.1

    /// Closed contours that cover nearly the area of an earlier one on their slice of a grid.
    package func contoursOverdrawn(on geometry: VolumeGeometry) -> Int {
        polygons(on: geometry).slices.values.reduce(0) { count, polygons in
            guard polygons.count > 1 else { return count }
            let boxes = polygons.map { PixelBox($0, within: geometry.dimensions) }
            return count
                + polygons.indices.count { later in
                    (0..<later).contains { Self.areOneContour(polygons, boxes, $0, later) }
                }
        }
    }

    private static func areOneContour(_ polygons: [[PlanarPoint]], _ boxes: [PixelBox?], _ a: Int, _ b: Int) -> Bool {
        guard let first = boxes[a], let second = boxes[b], first.mayOverlap(second, leastOverlap) else { return false }
        if polygons[a] == polygons[b] { return true }
        let box = first.union(second)
        let (one, other) = (box.filled(polygons[a]), box.filled(polygons[b]))
        var (common, all) = (0, 0)
        for (x, y) in zip(one, other) {
            common += Int(x & y)
            all += Int(x | y)
        }
        guard all > 0, Double(common) >= leastOverlap * Double(all) else { return false }
        return !isHole(one, in: other, box) && !isHole(other, in: one, box)
    }

    /// Whether an area lies inside of another one and next to nowhere at its edge.
    private static func isHole(_ inner: [UInt8], in outer: [UInt8], _ box: PixelBox) -> Bool {
        var (edge, touching) = (0, 0)
        for n in inner.indices where inner[n] != 0 {
            let neighbours = [n - 1, n + 1, n - box.columns, n + box.columns].filter(inner.indices.contains)
            if neighbours.contains(where: { inner[$0] == 0 }) { edge += 1 }
            if outer[n] == 0 || neighbours.contains(where: { outer[$0] == 0 }) { touching += 1 }
        }
        return Double(touching) <= mostTouching * Double(edge)
    }
}

/// The pixels that a polygon may cover, with one around them.
private struct PixelBox {
    var left: Int
    var top: Int
    var right: Int
    var bottom: Int

    private init(left: Int, top: Int, right: Int, bottom: Int) {
        (self.left, self.top, self.right, self.bottom) = (left, top, right, bottom)
    }

    /// Of the picture and one pixel around it; nil where a point is no number, or nothing lies there.
    init?(_ polygon: [PlanarPoint], within picture: Dimensions) {
        guard polygon.allSatisfy({ abs($0.i) < 1e9 && abs($0.j) < 1e9 }),
            let left = polygon.map(\.i).min(), let right = polygon.map(\.i).max(), let top = polygon.map(\.j).min(),
            let bottom = polygon.map(\.j).max()
        else { return nil }
        self.init(
            left: max(-1, Int(left.rounded(.down)) - 1),
            top: max(-1, Int(top.rounded(.down)) - 1),
            right: min(picture.i, Int(right.rounded(.up)) + 1),
            bottom: min(picture.j, Int(bottom.rounded(.up)) + 1)
        )
        guard columns > 0, rows > 0 else { return nil }
    }

    var columns: Int { right - left + 1 }
    var rows: Int { bottom - top + 1 }

    /// Whether polygons in two boxes can share so much of their area: cheap, before they are filled. Boxes of such pairs
    /// may differ more than what is in them, so half of it is asked.
    func mayOverlap(_ other: PixelBox, _ share: Double) -> Bool {
        let (width, height) = (
            min(right, other.right) - max(left, other.left) + 1, min(bottom, other.bottom) - max(top, other.top) + 1
        )
        guard width > 0, height > 0 else { return false }
        let all = union(other)
        return Double(width * height) >= share / 2 * Double(all.columns * all.rows)
    }

    func union(_ other: PixelBox) -> PixelBox {
        PixelBox(
            left: min(left, other.left),
            top: min(top, other.top),
            right: max(right, other.right),
            bottom: max(bottom, other.bottom)
        )
    }

    /// 1 inside, rows of columns; the outermost pixels are free.
    func filled(_ polygon: [PlanarPoint]) -> [UInt8] {
        let moved = polygon.map { PlanarPoint(i: $0.i - Double(left), j: $0.j - Double(top)) }
        return rasterize([moved], columns: columns, rows: rows)
    }
}
