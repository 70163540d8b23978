import Imaging

/// A structure to outline.
package struct OutlinedStructure: Sendable {
    package var name: String
    package var color: [Int]
    package var labels: Set<UInt8>

    package init(name: String, color: [Int], labels: Set<UInt8>) {
        self.name = name
        self.color = color
        self.labels = labels
    }
}

/// Grey values: HU at the middle of the grey scale and the range it covers.
package struct HUWindow: Sendable {
    package var center: Float
    package var width: Float

    /// Shows lung, its vessels and the chest wall together.
    package static let lung = HUWindow(center: -400, width: 1600)

    func grey(_ hu: Float) -> UInt8 {
        UInt8(min(max((hu - center) / width + 0.5, 0), 1) * 255)
    }
}

/// How an outline is dashed, so that structures can be told apart without seeing colours.
package struct LinePattern: Sendable, Equatable {
    /// Pixels that are drawn and left out, one after the other; nothing: drawn throughout.
    let lengths: [Int]

    static let reference = LinePattern(lengths: [3, 3])
    private static let structures = [[], [10, 3], [2, 2], [10, 3, 2, 3], [6, 6]].map(LinePattern.init)

    /// - Parameter index: place among the structures that are outlined.
    static func of(structure index: Int) -> LinePattern { structures[index % structures.count] }

    func isDrawn(_ position: Int) -> Bool {
        guard !lengths.isEmpty else { return true }
        var rest = position % lengths.reduce(0, +)
        for (number, length) in lengths.enumerated() {
            if rest < length { return number.isMultiple(of: 2) }
            rest -= length
        }
        return true
    }

    /// For SVG, where a pixel of a picture is two units.
    var dashes: String { lengths.map { String(2 * $0) }.joined(separator: " ") }
}

/// Draws cuts through a CT with the outlines of structures.
package struct SlicePicture: Sendable {
    let ct: Volume<Int16>
    let labels: Volume<UInt8>
    let structures: [OutlinedStructure]
    let reference: Volume<UInt8>?
    let window: HUWindow

    package init(
        ct: Volume<Int16>,
        labels: Volume<UInt8>,
        structures: [OutlinedStructure],
        reference: Volume<UInt8>? = nil,
        window: HUWindow = .lung
    ) {
        self.ct = ct
        self.labels = labels
        self.structures = structures
        self.reference = reference
        self.window = window
    }

    /// A picture with square pixels, at most `maximumWidth` wide and 1.2 times as high.
    package func draw(_ plane: PicturePlane, maximumWidth: Int) -> RGBImage {
        let d = ct.geometry.dimensions
        let dimensions = Vector3(Double(d.i), Double(d.j), Double(d.k))
        let spacing = ct.geometry.spacing
        let size = (
            dimensions[plane.across.axis] * spacing[plane.across.axis],
            dimensions[plane.down.axis] * spacing[plane.down.axis]
        )
        let pixel = max(size.0 / Double(maximumWidth), size.1 / (1.2 * Double(maximumWidth)))
        var image = RGBImage(width: max(1, Int(size.0 / pixel)), height: max(1, Int(size.1 / pixel)))
        let width = image.width
        var own = [UInt8](repeating: 0, count: width * image.height)
        var theirs = own
        for y in 0..<image.height {
            for x in 0..<width {
                let a = (Double(x) + 0.5) * pixel / spacing[plane.across.axis] - 0.5
                let b = (Double(y) + 0.5) * pixel / spacing[plane.down.axis] - 0.5
                let voxel = plane.voxel(across: a, down: b, dimensions: dimensions)
                let grey = window.grey(interpolated(voxel))
                image[x, y] = (grey, grey, grey)
                own[y * width + x] = nearest(labels, voxel)
                if let reference { theirs[y * width + x] = nearest(reference, voxel) }
            }
        }
        if reference != nil { outline(theirs, in: &image, dashed: true) }
        outline(own, in: &image, dashed: false)
        return image
    }

    /// Pixels of a structure beside a pixel outside of it take its colour, in its pattern; a reference is white.
    private func outline(_ map: [UInt8], in image: inout RGBImage, dashed: Bool) {
        let (width, height) = (image.width, image.height)
        for (index, structure) in structures.enumerated() {
            let color = dashed ? [255, 255, 255] : structure.color
            let pattern = dashed ? LinePattern.reference : .of(structure: index)
            for y in 0..<height {
                for x in 0..<width where structure.labels.contains(map[y * width + x]) {
                    let neighbours = [(x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1)]
                    let isEdge = neighbours.contains { nx, ny in
                        nx < 0 || ny < 0 || nx >= width || ny >= height
                            || !structure.labels.contains(map[ny * width + nx])
                    }
                    if isEdge && pattern.isDrawn(x + y) {
                        image[x, y] = (UInt8(color[0]), UInt8(color[1]), UInt8(color[2]))
                    }
                }
            }
        }
    }

    private func nearest(_ volume: Volume<UInt8>, _ voxel: Vector3) -> UInt8 {
        let d = volume.geometry.dimensions
        let i = min(max(Int(voxel.x.rounded()), 0), d.i - 1)
        let j = min(max(Int(voxel.y.rounded()), 0), d.j - 1)
        let k = min(max(Int(voxel.z.rounded()), 0), d.k - 1)
        return volume.voxels[i + d.i * (j + d.j * k)]
    }

    private func interpolated(_ voxel: Vector3) -> Float {
        let d = ct.geometry.dimensions
        func bounds(_ value: Double, _ count: Int) -> (Int, Int, Float) {
            let clamped = min(max(value, 0), Double(count - 1))
            let low = Int(clamped)
            return (low, min(low + 1, count - 1), Float(clamped - Double(low)))
        }
        let (i, j, k) = (bounds(voxel.x, d.i), bounds(voxel.y, d.j), bounds(voxel.z, d.k))
        func value(_ i: Int, _ j: Int, _ k: Int) -> Float { Float(ct.voxels[i + d.i * (j + d.j * k)]) }
        func line(_ j: Int, _ k: Int) -> Float { value(i.0, j, k) * (1 - i.2) + value(i.1, j, k) * i.2 }
        func plane(_ k: Int) -> Float { line(j.0, k) * (1 - j.2) + line(j.1, k) * j.2 }
        return plane(k.0) * (1 - k.2) + plane(k.1) * k.2
    }
}
