import Imaging

/// The structures of a reference that are drawn, each with ours that it is compared with. They may overlap, and one may
/// stand for several of ours: of a reference that has `Lungs` alone that is drawn, around both of ours.
///
/// A voxel takes a bit for each structure.
package struct ReferenceLayers: Sendable {
    package struct Structure: Sendable {
        /// Our name for it.
        package var name: String
        /// Our labels that it is compared with.
        package var labels: Set<UInt8>
    }

    package let geometry: VolumeGeometry
    package private(set) var structures: [Structure] = []
    private var layers: [[UInt8]] = []

    package init(geometry: VolumeGeometry) {
        self.geometry = geometry
    }

    /// - Parameter mask: on the same grid; one without a voxel is not kept, as there is nothing to draw.
    package mutating func add(_ name: String, labels: Set<UInt8>, _ mask: Mask) {
        precondition(mask.geometry.dimensions == geometry.dimensions, "a reference is drawn on the grid of the CT")
        guard mask.voxels.contains(where: { $0 != 0 }) else { return }
        let place = structures.count % 8
        if place == 0 { layers.append([UInt8](repeating: 0, count: mask.voxels.count)) }
        let last = layers.count - 1
        for n in mask.voxels.indices where mask.voxels[n] != 0 { layers[last][n] |= 1 << place }
        structures.append(Structure(name: name, labels: labels))
    }

    func contains(_ voxel: Int, structure index: Int) -> Bool { layers[index / 8][voxel] >> (index % 8) & 1 != 0 }

    func mask(_ index: Int) -> Mask {
        Mask(geometry: geometry, voxels: layers[index / 8].map { $0 >> (index % 8) & 1 })
    }
}
