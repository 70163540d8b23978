import Imaging

/// Contours or frames that lie between the slices of a grid and are taken to the nearest one.
package struct OffSlice: Sendable, Equatable {
    package private(set) var count = 0
    package private(set) var farthestMM = 0.0

    /// Positions with one decimal are off by half of it.
    private static let toleranceMM = 0.06

    /// How far contours may lie from the slices that they are taken to, in slices, before they would be other contours.
    private static let mostSlices = 0.1

    package init() {}

    /// Whether some lie so far from the slices that they are taken to that they mean nothing there.
    package func isDisplaced(spacingMM: Double) -> Bool { farthestMM > Self.mostSlices * spacingMM }

    /// - Parameters:
    ///   - index: where it lies, in slices.
    ///   - spacingMM: between slices.
    mutating func note(index: Double, spacingMM: Double) {
        let distance = abs(index - index.rounded()) * spacingMM
        guard distance > Self.toleranceMM else { return }
        count += 1
        farthestMM = max(farthestMM, distance)
    }
}
