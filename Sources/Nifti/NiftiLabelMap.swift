import Imaging

/// A label map as its file has it: whole numbers from 0 to 65 535, few of them.
package struct NiftiLabelMap: Sendable {
    /// Of each voxel the place of its value in `values`.
    package let places: Volume<UInt8>
    /// All values, the lowest first: 0, the background, and those that a voxel has.
    package let values: [UInt16]
    /// What the header leaves open about where the voxels lie, one phrase each.
    package let placeNotes: [String]

    /// More than any atlas of organs has; an image has thousands. A place fits into a byte.
    private static let mostStructures = 255

    /// - Throws: `unreadable` when a value is no label, or there are so many that it is an image.
    init(_ volume: Volume<Float>, placeNotes: [String]) throws(NiftiError) {
        let highest = Float(UInt16.max)
        var isPresent = [Bool](repeating: false, count: Int(UInt16.max) + 1)
        isPresent[0] = true
        for value in volume.voxels {
            guard value >= 0, value <= highest, value == value.rounded() else {
                throw .unreadable(
                    reason:
                        "it is no label map: it has the value \(value), and labels are whole numbers from 0 to 65535"
                )
            }
            isPresent[Int(value)] = true
        }
        let values = isPresent.indices.filter { isPresent[$0] }
        guard values.count - 1 <= Self.mostStructures else {
            throw .unreadable(
                reason: """
                    it has \(values.count - 1) different values besides 0, which is an image rather than a label map: of those \
                    at most \(Self.mostStructures) are read
                    """
            )
        }
        var places = [UInt8](repeating: 0, count: isPresent.count)
        for (place, value) in values.enumerated() { places[value] = UInt8(place) }
        self.places = Volume(geometry: volume.geometry, voxels: volume.voxels.map { places[Int($0)] })
        self.values = values.map(UInt16.init)
        self.placeNotes = placeNotes
    }
}
