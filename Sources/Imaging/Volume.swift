/// Values on a regular grid in the patient: `voxels[i + ni * (j + nj * k)]`.
package struct Volume<Element: BitwiseCopyable & Sendable>: Sendable {
    package var geometry: VolumeGeometry
    package var voxels: Voxels<Element>

    /// - Precondition: one element a voxel.
    @inlinable package init(geometry: VolumeGeometry, voxels: Voxels<Element>) {
        precondition(voxels.count == geometry.dimensions.voxelCount, "one element a voxel")
        self.geometry = geometry
        self.voxels = voxels
    }

    @inlinable package init(geometry: VolumeGeometry, voxels: [Element]) {
        self.init(geometry: geometry, voxels: Voxels(voxels))
    }

    @inlinable package init(geometry: VolumeGeometry, repeating element: Element) {
        self.init(geometry: geometry, voxels: Voxels(repeating: element, count: geometry.dimensions.voxelCount))
    }

    @inlinable package subscript(i: Int, j: Int, k: Int) -> Element {
        get { voxels[offset(i, j, k)] }
        set { voxels[offset(i, j, k)] = newValue }
    }

    @inlinable package subscript(index: VoxelIndex) -> Element {
        get { self[index.i, index.j, index.k] }
        set { self[index.i, index.j, index.k] = newValue }
    }

    @inlinable package func offset(_ i: Int, _ j: Int, _ k: Int) -> Int {
        i + geometry.dimensions.i * (j + geometry.dimensions.j * k)
    }

    /// Counts slices that were read or written, so that the pages of a volume in a file are given back in time.
    package func touched(slices: Int = 1) {
        voxels.touched(slices * geometry.dimensions.i * geometry.dimensions.j)
    }

    /// Values that one touch of a file may bring in: a kernel that keeps a file in large pages maps 2 MiB of it at a time (Linux 6.18,
    /// ext4), others 64 KiB.
    package static var touchedAtOnce: Int { (2 << 20) / MemoryLayout<Element>.stride }

    /// Values that a line across the slices, or a plane along their rows, brings in.
    package var touchedAcross: Int { geometry.dimensions.k * max(geometry.dimensions.i, Self.touchedAtOnce) }
}

extension Volume: Equatable where Element: Equatable {}

/// A structure on a grid: 1 inside, 0 outside.
package typealias Mask = Volume<UInt8>

/// Structures that do not overlap: one label a voxel, 0 is background.
package struct LabelMap: Sendable {
    package var volume: Volume<UInt8>
    /// Label value by structure name.
    package var labels: [String: UInt8]

    package init(volume: Volume<UInt8>, labels: [String: UInt8]) {
        self.volume = volume
        self.labels = labels
    }

    /// The mask of one structure; nil when the map does not know the name.
    package func mask(of name: String) -> Mask? {
        guard let label = labels[name] else { return nil }
        return mask(ofLabels: [label])
    }

    /// The union of some labels.
    package func mask(ofLabels wanted: Set<UInt8>) -> Mask {
        var isWanted = [UInt8](repeating: 0, count: 256)
        for label in wanted { isWanted[Int(label)] = 1 }
        let voxels = volume.voxels.withUnsafeBufferPointer { labels in
            Voxels<UInt8>(count: labels.count) { mask in
                for n in labels.indices { mask.initializeElement(at: n, to: isWanted[Int(labels[n])]) }
            }
        }
        return Mask(geometry: volume.geometry, voxels: voxels)
    }
}
