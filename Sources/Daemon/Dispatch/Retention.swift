import Foundation
import Pipeline
import Platform
import Store

/// Deletes pixels that are no longer needed. Label maps and geometry stay, for good unless the configuration says
/// otherwise, so that a reference that comes months later can be scored. Files go first and the database learns of it after: what is cut short is done again.
package struct Retention {
    let context: ServiceContext

    package init(context: ServiceContext) { self.context = context }

    package func clean() throws {
        let days = context.configuration.work.keepPixelsDays
        let limit = context.store.now() - Int64(days * 86_400_000)
        for run in try context.store.runsWithPixels(endedBefore: limit) {
            let folder = context.state.run(run.number)
            for name in ["ct.raw", "ct.json", "input.raw", "input.json", "reference.dcm"] {
                try Directory.remove("\(folder.directory(of: .resample))/\(name)")
            }
            try folder.removeWorstPixels()
            // What remains of an export was copied to another file system.
            try Directory.remove(folder.directory(of: .export))
            try Directory.remove(folder.refusalDirectory)
            try context.store.setPixelsDeleted(run: run.number)
        }
        for series in try context.store.seriesWithOldImages(arrivedBefore: limit) {
            for image in try context.store.instances(ofSeries: series) where image.state == .image {
                if let path = image.storedPath { try Directory.remove(path) }
            }
            try context.store.setImagesDeleted(ofSeries: series)
        }
        try cleanLabelMaps()
    }

    private func cleanLabelMaps() throws {
        let days = context.configuration.work.keepLabelMapsDays
        guard days > 0 else { return }
        let limit = context.store.now() - Int64(days * 86_400_000)
        for run in try context.store.runsWithLabels(endedBefore: limit) {
            try Directory.remove(context.state.run(run.number).path)
            try context.store.setLabelsDeleted(run: run.number)
        }
        for reference in try context.store.referencesToDelete(receivedBefore: limit) {
            if let path = reference.storedPath { try Directory.remove(path) }
            try context.store.setDeleted(reference: reference.number)
        }
    }
}
