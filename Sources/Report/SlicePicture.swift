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

/// How an outline is dashed, so that structures can be told apart without seeing colours.
package struct LinePattern: Codable, Sendable, Equatable {
    /// Lengths that are drawn and left out, one after the other; nothing: drawn throughout.
    let lengths: [Int]

    static let reference = LinePattern(lengths: [4, 4])
    private static let structures = [[], [12, 4], [3, 3], [12, 4, 3, 4], [8, 8]].map(LinePattern.init)

    /// - Parameter index: place among the structures that are outlined.
    static func of(structure index: Int) -> LinePattern { structures[index % structures.count] }

    /// For SVG.
    var dashes: String { lengths.map(String.init).joined(separator: " ") }
}

/// A cut through a CT in grey, and what lies over it.
struct DrawnSlice: Sendable {
    var image: GreyImage
    var overlay: PictureOverlay
}

/// Draws cuts through a CT with the outlines of structures.
struct SlicePicture: Sendable {
    /// Nil draws the outlines on black.
    let ct: Volume<Int16>?
    let labels: Volume<UInt8>
    let structures: [OutlinedStructure]
    let reference: ReferenceLayers?

    /// A picture with square pixels, at most `maximumWidth` wide and 1.2 times as high.
    ///
    /// - Parameters:
    ///   - box: what is shown of the slice; nil shows all of it.
    ///   - shadesDifferences: whether what only one of ours and the reference has is shaded.
    func draw(
        _ plane: PicturePlane,
        box: VoxelBox? = nil,
        window: HUWindow,
        maximumWidth: Int,
        shadesDifferences: Bool = false
    ) -> DrawnSlice {
        let frame = PictureFrame(plane, geometry: labels.geometry, box: box, maximumWidth: maximumWidth)
        var overlay = PictureOverlay(width: frame.width, height: frame.height)
        for (index, structure) in structures.enumerated() {
            let polygons = outline(frame) { structure.labels.contains(labels.voxels[$0]) }
            guard !polygons.isEmpty else { continue }
            overlay.outlines.append(
                .init(
                    color: structure.color,
                    pattern: .of(structure: index),
                    isReference: false,
                    polygons: polygons
                )
            )
        }
        if let reference {
            for (index, structure) in reference.structures.enumerated() {
                let theirs = outline(frame) { reference.contains($0, structure: index) }
                if !theirs.isEmpty {
                    overlay.outlines.append(
                        .init(color: [255, 255, 255], pattern: .reference, isReference: true, polygons: theirs)
                    )
                }
                guard shadesDifferences else { continue }
                let both = outline(frame) { structure.labels.contains(labels.voxels[$0]) } + theirs
                if !both.isEmpty { overlay.differences.append(both) }
            }
        }
        return DrawnSlice(image: grey(frame, window), overlay: overlay)
    }

    private func outline(_ frame: PictureFrame, _ isInside: (Int) -> Bool) -> [[PlanarPoint]] {
        let touched = frame.touchedByRow(of: labels)
        return traceContours(of: frame.mask(isInside) { labels.voxels.touched(touched) }, slice: 0)
            .map { drawnLine($0, tolerance: 0.35, frame.pixel(of:)) }
    }

    private func grey(_ frame: PictureFrame, _ window: HUWindow) -> GreyImage {
        var image = GreyImage(width: frame.width, height: frame.height)
        guard let ct else { return image }
        let touched = frame.touchedByRow(of: ct)
        for y in 0..<frame.height {
            for x in 0..<frame.width {
                image[x, y] = window.grey(interpolated(ct, frame.voxel(x: x, y: y)))
            }
            ct.voxels.touched(touched)
        }
        return image
    }

    private func interpolated(_ ct: Volume<Int16>, _ voxel: Vector3) -> Float {
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
